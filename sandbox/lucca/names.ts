/** Small word lists for generated records: French and Swiss names, with the accents and apostrophes that break naive code. */

// prettier-ignore
export const GIVEN_NAMES = [
  'Amélie', 'Anaïs', 'André', 'Aurélien', 'Béatrice', 'Benoît', 'Célestin', 'Chloé', 'Claude', 'Cyril',
  'Dominique', 'Édouard', 'Éléonore', 'Élise', 'Émile', 'Fabienne', 'François', 'Françoise', 'Gaël',
  'Geneviève', 'Gérard', 'Guénolé', 'Hélène', 'Hugo', 'Inès', 'Jean-Baptiste', 'Jérôme', 'Joël',
  'Jörg', 'Léa', 'Léonie', 'Loïc', 'Luca', 'Maëlle', "M'Barka", 'Marie-Thérèse', 'Mathéo', 'Noémie',
  'Océane', 'Raphaël', 'Régis', 'Reto', 'Sébastien', 'Solène', 'Théo', 'Ursula', 'Valérie', 'Yannick',
  'Zoé', 'Zübeyde',
] as const;

// prettier-ignore
export const FAMILY_NAMES = [
  'Aebischer', 'Anselme', 'Béchir', 'Bélanger', "D'Angelo", 'De La Tour', 'Delacroix', 'Dubois',
  'Dupré', 'Durand-Métayer', 'Favre', 'Fléchet', 'Gagnebin', 'Gauthier', 'Gérôme', 'Grosjean',
  'Guérin', 'Hürlimann', "L'Hermitte", "L'Éplattenier", 'Lefèvre', 'Lévêque', 'Maître', 'Martin',
  'Mäder', 'Moreau', 'Müller', 'Nguyễn', 'Noël', "O'Brien", 'Pâquet', 'Perret', 'Piaget', 'Prévost',
  'Quéré', 'Rochat', 'Rüegg', 'Saint-Étienne', 'Sänger', 'Thévenaz', 'Tissot', 'Vallée', 'Vögeli',
  'Wüthrich', 'Zbinden', 'Zürcher',
] as const;

// prettier-ignore
export const DEPARTMENTS = [
  'Direction générale', 'Finances', 'Comptabilité', 'Ressources humaines', 'Développement',
  'Qualité & sûreté', 'Ventes Romandie', 'Ventes Île-de-France', 'Marketing', 'Achats', 'Logistique',
  "Service d'accueil",
] as const;

// prettier-ignore
export const JOB_TITLES = [
  'Développeuse', 'Ingénieur qualité', 'Comptable', "Chef d'équipe", 'Chargée de recrutement',
  'Contrôleur de gestion', 'Responsable des achats', 'Préparateur', 'Chargé de clientèle',
  "Directrice d'agence", 'Technicien', 'Stagiaire',
] as const;

export const LEGAL_NAMES = [
  "Ateliers de l'Arve SA",
  'Société Générale du Léman S.A.S.',
  'Brühl & Fils Sàrl',
] as const;

/** Where establishments stand; those of Switzerland belong to the legal entities of Switzerland. */
export const PLACES = [
  { locality: 'Genève', postalCode: '1204', area: 'Genève', country: 'CHE', zone: 'Europe/Zurich' },
  { locality: 'Annecy', postalCode: '74000', area: 'Haute-Savoie', country: 'FRA', zone: 'Europe/Paris' },
  { locality: 'Neuchâtel', postalCode: '2000', area: 'Neuchâtel', country: 'CHE', zone: 'Europe/Zurich' },
  { locality: 'Besançon', postalCode: '25000', area: 'Doubs', country: 'FRA', zone: 'Europe/Paris' },
  {
    locality: "L'Haÿ-les-Roses",
    postalCode: '94240',
    area: 'Val-de-Marne',
    country: 'FRA',
    zone: 'Europe/Paris',
  },
] as const;

// prettier-ignore
export const STREETS = [
  "Rue de l'Église", 'Place du Marché', 'Avenue des Alpes', 'Quai Ernest-Ansermet',
  'Chemin du Château',
] as const;
