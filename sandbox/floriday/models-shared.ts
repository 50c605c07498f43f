/** Models that both Floriday APIs of version 2026v1 describe alike; the form is explained in `models.ts`. */

export const SHARED_MODELS = `
AdditionalServiceUnit = PIECE | PACKAGE | LAYER | LOADCARRIER | LABEL
ApprovalStatus = UNKNOWN | DRAFT | FINALIZED | APPROVED | DECLINED
AuctionLocation = AALSMEER | NAALDWIJK | RIJNSBURG | EELDE | PLANTION | RHEINMAAS | DIGITAL
BlanketOrder: blanketOrderId uuid, contractId uuid, deliveryDateTime time, customerOrganizationId uuid, status
  BlanketOrderStatus, blanketOrderLines BlanketOrderLine[], isInitiatedBySupplier bool, creationDateTime time,
  lastModifiedDateTime time, salesChannelInterface SalesChannelInterface, sequenceNumber int
BlanketOrderStatus: approvalStatus ApprovalStatus, isDeleted bool
Characteristic: vbnCode text3, vbnValueCode text3
Contract: contractId uuid, reference text13, title text255, description? text2047, startDateTime time,
  endDateTime time, customerOrganizationId uuid, supplierOrganizationId uuid, contractPeriodKind
  ContractPeriodKind, isInitiatedBySupplier bool, allowTradeItemVariants bool,
  allowAutomaticBlanketOrderApproval bool, version ContractVersion, status ContractStatus, delivery
  ContractDelivery, currency Currency, paymentProvider PaymentProvider, creationDateTime time,
  lastModifiedDateTime time, contractLines ContractLine[], sequenceNumber int, termsAndConditions
  ContractTermsAndConditions
ContractDelivery: deliveryConditionId uuid, defaultIncoterm Incoterm
ContractLine: contractLineId uuid, tradeItem ContractLineTradeItem, periods? ContractLinePeriod[]
ContractLinePeriod: contractLinePeriodId uuid, startDateTime time, endDateTime time, pricePerPiece num,
  numberOfPieces int
ContractPeriodKind = NONE | WEEK | MONTH | QUARTER | HALF_YEAR | YEAR | DAY
ContractStatus: approvalStatus ApprovalStatus, isDeleteRequestedBySupplier bool, isDeleted bool
ContractTermsAndConditions = UNKNOWN | GENERAL_OF_RFH | RETAIL
ContractTradeItemGroup: contractTradeItemGroupId uuid, supplierOrganizationId uuid, name text128, tradeItems
  ContractTradeItemGroupTradeItem[], creationDateTime time, lastModifiedDateTime? time, isDeleted bool,
  sequenceNumber int
ContractVersion: versionNumber int, isLatestApprovedVersion bool, reasonForVersionUpdate text2047
CorrectionAdditionalService: additionalServiceId uuid, pricePerUnit num, isDeleted bool
CorrectionRequestStatus = PENDING | ACCEPTED | DECLINED | EXPIRED | DELETED | PENDING_CLAIM
CreditClaimStatus = OK | FAILED | NOT_CHECKED | RELEASED | PLANNED | EXPIRED
Currency = EUR | USD
CustomerStickerComposition: stickerType StickerType, numberOfUnits int
DeliveryCondition: deliveryConditionId uuid, deliveryRegions DeliveryRegion[], minimumQuantity Quantity,
  incoterm Incoterm, deliveryConditionTimes DeliveryConditionTimeFrame[], nonWorkingDayDeliveryCondition
  NonWorkingDayDeliveryCondition, hasDeliveryCost bool, additionalCosts DeliveryConditionAdditionalCosts
DeliveryConditionAdditionalCosts: shippingCostsUnit Unit, deliverySurchargeMinimumNumberOfLoadCarriersThreshold
  num, additionalCostsPerCurrency DeliveryConditionAdditionalCostsPerCurrency[]
DeliveryConditionAdditionalCostsPerCurrency: currency Currency, deliverySurcharge num,
  deliverySurchargeThreshold num, shippingCostsPerUnit num
DeliveryConditionTimeFrame: days WeekDay[], orderTimeFrames TimeFrame[]
Incoterm = DDP | EXW | DAP | FCA | FOB | CPT | CIP | DPU | FAS | CFR | CIF
LoadCarrierType = NONE | AUCTION_TROLLEY | DANISH_TROLLEY | EURO_TROLLEY | PALLET | EURO_PALLET |
  DANISH_TROLLEY_NON_CC_RFID | DANISH_TROLLEY_WATER_TRAY | WATERING_CONTAINER | IFCO_PALLET | CHEP_PALLET_BLUE |
  CHEP_PALLET_RED | BLOCK_PALLET | HT_EURO_PALLET | ONE_THIRD_DANISH_TROLLEY
Location: gln? gln, address? Address
LogisticHub = NONE | AALSMEER | NAALDWIJK | RIJNSBURG | RHEINMAAS | EELDE | PLANTION
LogisticMeansType = AUCTION_TROLLEY_LAYER | DANISH_TROLLEY | DANISH_TROLLEY_LAYER | PACKAGE | AUCTION_TROLLEY
NonWorkingDayDeliveryCondition: nonWorkingDayPublicHolidays PublicHoliday[],
  nonWorkingDayUseStandardOrderTimeFrames bool
OrderedAdditionalService: additionalServiceId uuid, price Price, unit AdditionalServiceUnit
Package: vbnPackageCode int
PaymentProvider = RFH | VRM | PLANTION | UNKNOWN | OTHER | RFH_E_WALLET | FX_SERVICES | RFH_PAY_LATER
Price: currency Currency, value num
PublicHoliday = NONE | NEW_YEARS_DAY | GOOD_FRIDAY | EASTER_SUNDAY | EASTER_MONDAY | DUTCH_KINGS_DAY |
  DUTCH_LIBERATION_DAY | INTERNATIONAL_LABOUR_DAY | ASCENSION_DAY | WHIT_SUNDAY | WHIT_MONDAY | CORPUS_CHRISTI |
  GERMAN_UNITY_DAY | ALL_SAINTS_DAY | CHRISTMAS_EVE | FIRST_DAY_OF_CHRISTMAS | SECOND_DAY_OF_CHRISTMAS |
  NEW_YEARS_EVE | BELGIAN_NATIONAL_DAY | BELGIAN_ARMISTICE_DAY
Quantity: amount int, unit Unit
SalesChannel = UNKNOWN | FLORAMONDO | FLORIDAY | FLORIDAY_FX | FLORAXCHANGE | PLANTION_CLOCK | RFH_CLOCK |
  VRM_CLOCK | EXTERNAL_INTEGRATION
SalesChannelInterface = UI | VMP | API | UNKNOWN
SalesOrderDelivery: deliveryConditionId? uuid, latestDeliveryDateTime time, regionGln? gln, location Location,
  incoterm? Incoterm, nextLegIdentifier? text13, deliveryCost? Price
SalesOrderMutables: numberOfPieces int, piecesPerPackage int, vbnPackageCode int, pricePerPiece num,
  deliveryPricePerPiece num, totalPricePerPiece num
SalesOrderMutation: basedOnSalesOrderVersion int, oldValues SalesOrderMutables, newValues SalesOrderMutables,
  mutationType SalesOrderMutationUpdateType, correctionType SalesOrderMutationCorrectionType, createdDateTime
  time
SalesOrderMutationCorrectionType = UNKNOWN | MODIFICATION | CANCELLATION
SalesOrderMutationUpdateType = UNKNOWN | PRICE_UPDATE | CORRECTION_REQUEST | WITHDRAWN_BY_CUSTOMER
SalesOrderPackingConfiguration: piecesPerPackage int, package Package, loadCarrier LoadCarrierType
SalesOrderStatus = PENDING | ACCEPTED | REJECTED | COMMITTED | UNFULFILLABLE | CANCELLED | EXPIRED
SeasonalPeriod: startWeek int, endWeek int
TradeSetting: isActive bool, exemptedOrganizationIds uuid[], lastModified? time
VolumePrice: unit VolumePriceUnit, pricePerPiece num
VolumePriceUnit = PACKAGE | LAYER | LOAD_CARRIER
WeekDay = MONDAY | TUESDAY | WEDNESDAY | THURSDAY | FRIDAY | SATURDAY | SUNDAY
`;
