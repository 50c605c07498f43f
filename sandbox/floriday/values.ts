/**
 * What the fields of the simulated Floriday hold, by their names: flowers, prices, packages, places. A name with a model
 * before it (`Organization.name`) is looked for first; a field without an entry here gets a plain value of its type.
 */

import { digits } from '../random.ts';
import type { Draw } from '../random.ts';
import { createdAt, uuidOf } from './world.ts';
import type { World } from './world.ts';

/** What a value is made from. */
export interface Making {
  readonly world: World;
  readonly draw: Draw;
  readonly resource: string;
  /** the record's position */
  readonly slot: number;
  /** position in the innermost list, 0 outside lists */
  item: number;
  /** id of the partner that the record has to do with */
  readonly partner: string;
}

const FLOWERS: readonly (readonly [name: string, botanical: string, vbnProductCode: number])[] = [
  ['Rosa gr Red Naomi!', 'Rosa', 102764],
  ['Rosa gr Avalanche+', 'Rosa', 26013],
  ['Tulipa en Strong Gold', 'Tulipa', 3567],
  ['Chrysanthemum tr Baltica', 'Chrysanthemum', 104832],
  ['Gerbera gr Kimsey', 'Gerbera', 22184],
  ['Phalaenopsis Anthura Hawaii', 'Phalaenopsis', 105347],
  ['Anthurium andr. Million Flowers Red', 'Anthurium andraeanum', 110293],
  ['Hydrangea macrophylla Magical Revolution', 'Hydrangea macrophylla', 107618],
  ['Lilium or Conca d’Or', 'Lilium', 26541],
  ['Kalanchoe bloss. Rosalina', 'Kalanchoe blossfeldiana', 103904],
  ['Eustoma russ. Alissa White', 'Eustoma russellianum', 106212],
  ['Ficus microcarpa Ginseng', 'Ficus microcarpa', 8215],
];
const SIZES = ['40 cm', '50 cm', '60 cm', '70 cm', '9 cm', '12 cm', '17 cm'];
const GROWERS = [
  'van der Berg',
  'Zonneveld',
  'Kwekerij De Lier',
  'Bloemhof',
  'Westland Flora',
  'de Ruiter',
  'Poldermans',
];
const KINDS = ['B.V.', 'Export B.V.', 'Flowers', 'Orchideeën', 'Plants', '& Zn.'];
const CITIES = ['Aalsmeer', 'Naaldwijk', 'Rijnsburg', 'De Lier', 'Honselersdijk', 'Bleiswijk', 'Kudelstaart'];
const STREETS = ['Legmeerdijk', 'Middel Broekweg', 'Laan van Verhof', 'Oosteinde', 'Hoge Noordweg', 'Venus'];
const PACKAGES = [212, 512, 520, 566, 577, 800, 918, 996];
const DAY = 86_400_000;

const flower = ({ slot }: Making) => FLOWERS[slot % FLOWERS.length] as (typeof FLOWERS)[number];
const named = ({ draw, slot }: Making): string => `${flower({ slot } as Making)[0]} ${draw.pick(SIZES)}`;
const company = ({ draw, slot }: Making): string => `${draw.pick(GROWERS)} ${draw.pick(KINDS)} ${slot + 1}`;
const cents =
  (least: number, most: number) =>
  ({ draw }: Making) =>
    (least + draw.int(most - least)) / 100;
const time =
  (shift: number) =>
  ({ slot, draw }: Making) =>
    new Date(createdAt(slot) + shift * DAY + draw.int(600) * 60_000).toISOString();
const code =
  (prefix: string, length: number) =>
  ({ draw }: Making) =>
    `${prefix}${digits(draw, length)}`;
/** Whether a record is a partner's, from the side of the one who asks. */
const supplier = ({ world, partner }: Making): string => (world.api === 'suppliers' ? world.own : partner);
const customer = ({ world, partner }: Making): string => (world.api === 'customers' ? world.own : partner);
const image = ({ world, slot, draw }: Making): string =>
  `https://image.staging.floriday.io/images/${uuidOf(world.seed, 'image', slot * 8 + draw.int(8))}.jpg`;
/** The organization itself stands first; its partners are of the other kind. */
const organizationType = ({ world, slot }: Making): string =>
  (world.api === 'suppliers') === (slot === 0) ? 'SUPPLIER' : 'CUSTOMER';
const no = (): boolean => false;

export type MakeValue = (making: Making) => unknown;

export const VALUES: Readonly<Record<string, MakeValue>> = {
  // organizations
  supplierOrganizationId: supplier,
  sellerOrganizationId: supplier,
  fulfillingOrganizationId: supplier,
  senderOrganizationId: supplier,
  customerOrganizationId: customer,
  mainCustomerOrganizationId: customer,
  organizationId: ({ partner }) => partner,
  'Warehouse.organizationId': supplier,
  'Organization.name': company,
  'OrganizationDetails.name': company,
  commercialName: company,
  companyName: company,
  companyGln: code('8713783', 6),
  rfhRelationId: ({ draw }) => 1000 + draw.int(90_000),
  rfhCompanyAccountId: ({ draw }) => 1000 + draw.int(90_000),
  plantionRegistrationNumber: ({ draw }) => 1000 + draw.int(900_000),
  website: ({ slot }) => `https://kwekerij-${slot + 1}.example`,
  logoUrl: image,
  phytosanitaryNumber: code('NL', 9),
  'Organization.organizationType': organizationType,
  'OrganizationDetails.organizationType': organizationType,
  endDate: ({ draw, slot }) => (slot > 0 && draw.chance(0.03) ? '2026-06-30T22:00:00.000Z' : undefined),
  addressLine: ({ draw }) => `${draw.pick(STREETS)} ${1 + draw.int(300)}`,
  city: ({ draw }) => draw.pick(CITIES),
  countryCode: () => 'NL',
  postalCode: ({ draw }) => `${1000 + draw.int(8999)} ${draw.pick(['AB', 'DE', 'GH', 'XZ'])}`,
  stateOrProvince: () => undefined,
  paymentProviders: () => ['RFH'],
  paymentProvider: () => 'RFH',
  gln: code('8713783', 6),
  regionGln: code('8713783', 6),
  deliveryLocationGln: code('8713783', 6),
  // trade items and supply
  'TradeItem.name': named,
  nl: named,
  baseItemName: named,
  customTradeItemName: named,
  title: (making) => `Aanbod ${flower(making)[1]}`,
  description: (making) => `${flower(making)[1]}, partij ${making.slot + 1}`,
  name: ({ resource, slot }) => `${resource} ${slot + 1}`,
  'Warehouse.name': ({ draw, slot }) => `Loods ${draw.pick(CITIES)} ${slot + 1}`,
  vbnProductCode: (making) => flower(making)[2],
  botanicalNames: (making) => [flower(making)[1]],
  countryOfOriginIsoCodes: () => ['NL'],
  supplierArticleCode: ({ slot }) => `ART${slot + 1}`,
  code: ({ slot }) => `C${slot + 1}`,
  articleGtin: code('8719', 9),
  gtin: code('8719', 9),
  tradeItemReference: code('4000', 9),
  vbnCode: ({ draw }) => draw.pick(['S01', 'S02', 'S05', 'S20', 'L11']),
  vbnValueCode: ({ draw }) => `0${10 + draw.int(89)}`,
  vbnPackageCode: ({ draw }) => draw.pick(PACKAGES),
  fallbackVbnPackageCode: ({ draw }) => draw.pick(PACKAGES),
  piecesPerPackage: ({ draw }) => 10 * (1 + draw.int(8)),
  packagesPerLayer: ({ draw }) => 4 + draw.int(6),
  layersPerLoadCarrier: ({ draw }) => 3 + draw.int(5),
  loadCarrier: ({ draw }) => draw.pick(['DANISH_TROLLEY', 'AUCTION_TROLLEY', 'EURO_TROLLEY']),
  loadCarrierType: ({ draw }) => draw.pick(['DANISH_TROLLEY', 'AUCTION_TROLLEY', 'EURO_TROLLEY']),
  numberOfPieces: ({ draw }) => 80 * (1 + draw.int(40)),
  initialNumberOfPieces: ({ draw }) => 80 * (41 + draw.int(20)),
  assignedNumberOfPieces: ({ draw }) => 80 * draw.int(2),
  currency: () => 'EUR',
  value: cents(8, 450),
  pricePerPiece: cents(8, 450),
  totalPricePerPiece: cents(8, 450),
  deliveryPricePerPiece: cents(0, 5),
  subTotalAmount: cents(2_000, 150_000),
  isHiddenInCatalog: ({ draw }) => draw.chance(0.05),
  isParentForVariant: no,
  hasInvalidFloricodeData: no,
  parentId: () => undefined,
  isCustomerSpecific: no,
  customerOrganizationIds: () => [],
  'CustomerOffer.customerOrganizationIds': (making) => [customer(making)],
  allowedCustomerOrganizationIds: () => [],
  primary: ({ item }) => item === 0,
  isPrimary: ({ item }) => item === 0,
  url: image,
  photoUrl: image,
  imageUrl: image,
  sortIndex: ({ draw }) => draw.int(10),
  tradeItemVersion: ({ draw }) => 1 + draw.int(9),
  salesOrderVersion: () => 1,
  startWeek: () => 10,
  endWeek: () => 40,
  week: ({ slot }) => 1 + (slot % 52),
  year: () => 2026,
  // orders and deliveries
  salesChannelOrderId: code('', 10),
  customerOrderId: code('PO-', 7),
  customerOrderReference: code('PO-', 7),
  salesChannel: () => 'FLORIDAY',
  salesChannelInterface: () => 'API',
  tradeInstrument: () => 'DIRECT_SALES',
  mutations: () => [],
  submissionError: () => undefined,
  batchReference: ({ slot }) => 10_000_000 + slot,
  customReference: code('', 4),
  deliveryNoteCode: code('', 6),
  deliveryNoteCodes: ({ draw }) => [digits(draw, 6)],
  deliveryNoteReference: code('', 8),
  deliveryNoteLetter: ({ draw }) => draw.pick(['A', 'B', 'C']),
  latestOrderTime: () => '14:00:00',
  latestDeliveryTime: () => '06:00:00',
  sequenceInFulfillment: ({ draw }) => draw.int(10),
  barcodeLogisticServiceProvider: code('', 12),
  automaticallyCancelledOn: () => undefined,
  cancellationDeadline: time(1),
  creationDateTime: time(0),
  createdDateTime: time(0),
  added: time(0),
  batchDate: time(0),
  orderDateTime: time(0),
  startDateTime: time(0),
  endDateTime: time(20),
  lastModifiedDateTime: time(1),
  lastModified: time(1),
  isDeleted: no,
  isDisabledForSync: no,
  isDeleteRequestedBySupplier: no,
  // the feed gives the number
  sequenceNumber: () => 0,
};

/** The usual status of a record; others are drawn from its enumeration. */
export const STATUSES: readonly string[] = ['AVAILABLE', 'ACCEPTED', 'COMMITTED', 'APPROVED', 'COMPLETED'];
