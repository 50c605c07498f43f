/**
 * Models of the suppliers API, version 2026v1: every required field, and the optional ones that a partner usually fills
 * in. The form is explained in `models.ts`. https://api.staging.floriday.io/suppliers-api-2026v1/swagger/index.html
 */

export const SUPPLIER_MODELS = `
AdditionalService: additionalServiceId uuid, commercialServiceType CommercialServiceType, name text50,
  description? text255, warehouseIds uuid[], price Price, unit AdditionalServiceUnit, isCustomerSpecific bool,
  isAvailable bool, isDeleted bool, sequenceNumber int
Address: addressLine text70, city text70, countryCode text3, postalCode text10, stateOrProvince? text70
AgreementReference: code text13, description text255
AuctionStatusName = AUCTION_COMPLETED | AUCTION_FINALIZING | CANCELLED | DESTROYED | INVALID_FOR_AUCTION |
  IN_AUCTION | NEEDS_CORRECTION | NOT_AUCTIONED | NOT_QUEUED_FOR_AUCTION | QUEUED_FOR_AUCTION | RETOUR_SUPPLIER
  | SKIPPED
BaseItem: baseItemId uuid, baseItemName text120, baseItemType BaseItemType, isDeleted bool, sequenceNumber int
BaseItemType = BASE_ITEM | POT
Batch: batchDate time, batchId uuid, tradeItemId uuid, supplierOrganizationId uuid, numberOfPieces int,
  initialNumberOfPieces int, packingConfiguration BatchPackingConfiguration, warehouseId uuid, imageId? uuid,
  batchReference text13, customReference? text4, sequenceNumber int, transitStatus? TransitStatus,
  tradeItemVersion int, isDeleted bool, creationDateTime? time, lastModifiedDateTime? time
BatchMutation: batchMutationId uuid, batchId uuid, deltaNumberOfPieces int, creationDateTime time, type
  BatchMutationType, salesOrderId? uuid, sequenceNumber int
BatchMutationType = UNKNOWN | CLAIM | UNCLAIM | CORRECTION | RESERVATION | CLAIMED_FROM_RESERVATION |
  RELEASED_RESERVATION | WAREHOUSE_CHANGE | TRANSFORMATION | COMBINE | SPLIT | UNCLAIMED_FROM_RESERVATION |
  DELETED_RESERVATION
BatchPackingConfiguration: piecesPerPackage int, package Package, loadCarrier SupplyLoadCarrierType,
  layersPerLoadCarrier int
BlanketOrderLine: blanketOrderLineId uuid, contractLinePeriodId uuid, tradeItemId uuid, supplierOrganizationId
  uuid, packingConfiguration? PackingConfigurationBase, numberOfPieces int, pricePerPiece? Price,
  deliveryLocationGln text13, incoterm Incoterm, liesOutsideOfContractLinePeriodMargins bool
BundledOffer: bundledOfferId uuid, pricePerBundle Price, isDraft bool, title text255, description text800,
  includedServices CommercialService[], numberOfBundles int, isCustomerSpecific bool, customerOrganizationIds
  uuid[], orderPeriod TradePeriod, deliveryPeriod TradePeriod, creationDateTime? time, lastModifiedDateTime?
  time, sequenceNumber int, bundledOfferLines BundledOfferLine[], isDeleted bool
BundledOfferLine: bundledOfferLineId uuid, tradeItemId uuid, tradeItemVersion int, price Price,
  numberOfPiecesPerBundle int, packingConfiguration PackingConfiguration
ClockPresalesSupplyLine: supplyLineId uuid, status SupplyStatus, tradeItemId uuid, pricePerPiece Price,
  deliveryNoteReference text20, deliveryNoteCode text10, deliveryNoteLetter text1, numberOfPieces int,
  packingConfiguration ClockSupplyLinePackingConfiguration, tradePeriod TradePeriod, supplierOrganizationId
  uuid, sequenceNumber int, creationDateTime time, lastModifiedDateTime? time, auctionDate date,
  initialAuctionLocation AuctionLocation, photoUrl text200
ClockSupplyLine: supplyLineId uuid, tradeItemId uuid, batchId uuid, numberOfPieces int, auctionDate date,
  auctionLocation AuctionLocation, auctionGroupCode int, qualityGroupCode text2, packingConfiguration
  ClockSupplyLinePackingConfiguration, sequenceNumber int, creationDateTime? time, lastModifiedDateTime? time,
  auctionStatus? AuctionStatusName, isDeleted bool
ClockSupplyLinePackingConfiguration: piecesPerPackage int, package Package, packagesPerLayer int,
  layersPerLoadCarrier int, loadCarrier SupplyLoadCarrierType
Collection: collectionId uuid, name text250, description text1000, photos CollectionPhoto[], tradeItems
  CollectionTradeItem[], sortIndex int, isVisible bool, isHighlighted bool, t17ThemeValueCodes text[],
  usesTradeItemSpecificPackingConfiguration bool, sequenceNumber int, lastModified time, isDeleted bool
CollectionPackingConfiguration: piecesPerPackage int, packagesPerLayer int, layersPerLoadCarrier int, package
  Package, loadCarrier LoadCarrierType, allowedCustomerOrganizationIds uuid[]
CollectionPhoto: imageId uuid, sortIndex int, lastModified? time, isDeleted bool
CollectionTradeItem: tradeItemId uuid, supplierOrganizationId uuid, isHighlighted bool, packingConfiguration?
  CollectionPackingConfiguration, lastModified? time, isDeleted bool
CommercialService = DELIVERY | STICKERING | NONE
CommercialServiceType: commercialServiceTypeId uuid, commercialServiceTypeName? text70, sequenceNumber int
Connection: customerOrganizationId uuid, lastModifiedDateTime time, isDeleted bool, sequenceNumber int
ContractLineTradeItem: contractLineTradeItemId uuid, tradeItemId uuid, tradeItemVersion int,
  packingConfiguration PackingConfigurationBase
ContractTradeItemGroupTradeItem: tradeItemId uuid, isPrimary bool, packingConfiguration
  PackingConfigurationBase, isDeleted bool
CustomPackage: customPackageId uuid, code text20, name text120, description text250, packageLengthInMm int,
  packageWidthInMm int, packageHeightInMm int, fallbackVbnPackageCode int, isDeleted? bool, creationDateTime
  time, lastModifiedDateTime time, sequenceNumber int
CustomerOffer: customerOfferId uuid, supplyRequestId? uuid, creationDateTime time, customerOfferLines
  CustomerOfferLine[], customerOfferType CustomerOfferType, customerOrganizationIds uuid[], agreementReference?
  AgreementReference, isDraft bool, imageUrl? text255, title? text255, description? text800, quantityUnitUsed
  Unit, sequenceNumber int, isDeleted bool
CustomerOfferLine: customerOfferLineId uuid, numberOfPieces int, tradePeriod TradePeriod, deliveryPeriod?
  TradePeriod, tradeItemId uuid, warehouseId uuid, pricePerPiece Price, volumePrices VolumePrice[], salesUnit
  SalesUnit, usesCatalogAvailability bool, includedServices CommercialService[], packingConfiguration?
  PackingConfigurationBase, isDeleted bool
CustomerOfferType = CUSTOMER_OFFER | PURCHASE_TIP | SUPPLY_REQUEST
CustomerSticker: stickerId uuid, customerOrganizationId uuid, supplierOrganizationId uuid, deliveryDateTime
  time, stickerType StickerType, salesOrderId? uuid, despatchWarehouseId uuid, isHandled bool, creationDateTime
  time, isDeleted bool, sequenceNumber int, compositions CustomerStickerComposition[]
CustomerTradeSettings: customerOrganizationId uuid, acceptsDirectOrders TradeSetting,
  automaticallyAcceptsCorrectionRequestsOnDirectOrders TradeSetting,
  automaticallyAcceptsCorrectionRequestsOnSupplyOrders TradeSetting,
  allowSuppliersToManageSelectedTradeItemAssortment TradeSetting, acceptsSupplyOfTypePurchaseTip TradeSetting,
  usesContracts TradeSetting, acceptsTransportCost TradeSetting, tradesExclusivelyWithFsiCompliantSuppliers
  TradeSetting, sequenceNumber int
DaytradeHub = UNKNOWN | AALSMEER | NAALDWIJK | RIJNSBURG | EELDE | RHEINMAAS | PLANTION
DeliveryConditionSet: deliveryConditionSetId uuid, deliveryConditionSetName text70, warehouseIds uuid[],
  customers uuid[], deliveryConditions DeliveryCondition[], isDeleted bool, isCustomerSpecific bool,
  sequenceNumber int, version int
DeliveryLocation: locationId uuid, organizationId uuid, gln gln, isDeleted bool, isDefault bool,
  lastModifiedDateTime time, creationDateTime time, sequenceNumber int, name? text70
DeliveryOrder: deliveryOrderId uuid, creationDateTime time, fulfillmentRequests FulfillmentRequest[],
  deliveryDateTime time, destination Destination, despatchWarehouseId uuid, fulfilled bool, sequenceNumber int,
  isDeleted? bool, lastModifiedDateTime? time, carrierOrganizationId? uuid, startedOrderPickingAt? time
DeliveryRegion: gln gln, name text70
Destination: organizationId uuid, warehouseId? uuid, location? Location
FulfillmentOrder: fulfillmentOrderId uuid, latestDeliveryDateTime time, despatchWarehouseId uuid,
  fulfillingOrganizationId uuid, supplierOrganizationId uuid, carrierOrganizationId? uuid, destination
  Destination, logisticHub? LogisticHub, loadCarriers LoadCarrierConfiguration[], deliveryNoteCodes text[], type
  FulfillmentType, oneLabelOnly bool, status FulfillmentStatus, submissionError? text2000, sequenceNumber int,
  creationDateTime time, lastModifiedDateTime time, fulfillmentOrderCorrections? FulfillmentOrderCorrection[],
  isReAuctioning bool
FulfillmentOrderClaim: fulfillmentOrderId uuid, claimedNumberOfPackages int
FulfillmentOrderCorrection: correctionId uuid, loadCarrierCorrections LoadCarrierCorrection[], creationDateTime
  time, lastModifiedDateTime time
FulfillmentOrderInbound: fulfillmentOrderId uuid, latestDeliveryDateTime time, destination Destination,
  despatchWarehouseId uuid, loadCarriers LoadCarrierConfigurationInbound[], deliveryNoteCodes text[],
  supplierOrganizationId uuid, status FulfillmentStatus, sequenceNumber int, creationDateTime time,
  lastModifiedDateTime time
FulfillmentRequest: fulfillmentRequestId uuid, batchId uuid, numberOfPackages int, initialNumberOfPackages int,
  salesOrderId? uuid, numberOfPiecesPicked int, fulfillmentOrderClaims FulfillmentOrderClaim[]
FulfillmentStatus = DRAFT | PENDING | ACCEPTED | FAILED | CANCELLED | DELIVERED
FulfillmentType = UNKNOWN | CLOCK | DIRECT_SALES | GOODS_MOVEMENT | DAYTRADE
Identity: organization Organization, clientId text20, apiVersion text6
InvoiceLine: invoiceLineId text36, invoiceId? text24, salesOrderId uuid, salesChannelOrderId text13,
  deliveryFormReference text7, subTotalAmount num, numberOfPieces int, invoiceDate? time, lastModified? time,
  sequenceNumber int, creationDateTime? time
LoadCarrierConfiguration: loadCarrierItems LoadCarrierItem[], loadCarrierType LoadCarrierType,
  numberOfAdditionalLayers int, deliveryNoteCodes text[], sortIndex int, isReceived bool
LoadCarrierConfigurationInbound: loadCarrierItems LoadCarrierItemInbound[], loadCarrierType LoadCarrierType,
  numberOfAdditionalLayers int, deliveryNoteCodes text[], sortIndex int
LoadCarrierCorrection: loadCarrierType LoadCarrierType, numberOfAdditionalLayers int
LoadCarrierItem: loadCarrierItemId uuid, fulfillmentRequestId uuid, salesOrderId? uuid, numberOfPackages int,
  batchId uuid, tradeItemId uuid, batchReference? text13
LoadCarrierItemInbound: batchId uuid, numberOfPackages int, tradeItemId uuid, batchReference? text8
LogisticMeansInvoiceStatus: invoiceLineId uuid, fulfillmentOrderId uuid, invoiceId? text, invoiceDate? time,
  logisticMeansType LogisticMeansType, numberOfItems int, lastModified time, sequenceNumber int,
  creationDateTime time
OrderAmount: currency Currency, value num
OrderRequest: orderRequestId uuid, customerOrganizationId uuid, tradeItemId uuid, numberOfPieces int,
  pricePerPiece Price, packingConfiguration PackingConfigurationBase, delivery OrderRequestDelivery,
  additionalServiceIds uuid[], added time, status OrderRequestStatus, sequenceNumber int, isDeleted bool
OrderRequestDelivery: latestDeliveryDateTime time, location Location, incoterm Incoterm
OrderRequestStatus = UNKNOWN | PENDING | EXPIRED | ACCEPTED | REJECTED | DECLINED_WITH_COUNTER_OFFER
Organization: organizationId uuid, companyGln? gln, name text70, endDate? time, rfhRelationId? int,
  rfhCompanyAccountId? int, organizationType OrganizationType, sequenceNumber int, creationDateTime time,
  lastModifiedDateTime time, commercialName text70, website? text70, paymentProviders PaymentProvider[],
  mailingAddress Address, physicalAddress Address, plantionRegistrationNumber? int, logoUrl? text,
  isFsiCompliant bool
OrganizationType = CUSTOMER | SUPPLIER | AGENT | CARRIER | OTHER
PackingConfiguration: primary bool, piecesPerPackage int, package Package, packagesPerLayer int,
  layersPerLoadCarrier int, loadCarrier SupplyLoadCarrierType, isHiddenForDirectSales bool
PackingConfigurationBase: piecesPerPackage int, vbnPackageCode int, packagesPerLayer int, layersPerLoadCarrier
  int, loadCarrier LoadCarrierType
PackingConfigurationRequest: packingConfigurationRequestId uuid, supplierOrganizationId uuid,
  customerOrganizationId uuid, tradeItemId uuid, status RequestStatus, sequenceNumber int, remark? text500,
  expiresAtDateTime time, creationDateTime time, lastModifiedDateTime time, piecesPerPackage int, package
  Package, packagesPerLayer int, layersPerLoadCarrier int, loadCarrier SupplyLoadCarrierType
Photo: primary bool, url text255, type PhotoType
PhotoType = UNKNOWN | PIECE | TRAY | DETAIL | RULER | WEBSHOPFRIENDLY | SCENE | SEASON | STEM | BUNCH |
  CONTAINER | CLOCK
PhotoWithId: isPrimary bool, id uuid
PriceGroup: priceGroupId uuid, name text120, type PriceGroupType, currency Currency, salesUnit SalesUnit,
  includedServices CommercialService[], customers uuid[], isDeleted bool, lastModifiedDateTime time,
  sequenceNumber int
PriceGroupType = CALCULATED | MANUAL
RequestPackingConfiguration: piecesPerPackage int, package Package, packagesPerLayer int, layersPerLoadCarrier
  int, loadCarrier SupplyLoadCarrierType
RequestStatus = PENDING | ACCEPTED | REJECTED
SalesOrder: salesOrderId uuid, salesOrderGroupId? uuid, salesChannelOrderId text13, customerOrderId? text26,
  supplierOrganizationId uuid, sellerOrganizationId? uuid, customerOrganizationId uuid, supplyLineId? uuid,
  tradeItemId uuid, salesChannel SalesChannel, salesChannelInterface SalesChannelInterface, numberOfPieces int,
  tradeInstrument TradeInstrument, packingConfiguration SalesOrderPackingConfiguration, orderDateTime time,
  pricePerPiece Price, barcodeLogisticServiceProvider? text13, delivery SalesOrderDelivery, additionalServices?
  OrderedAdditionalService[], cancellationDeadline? time, automaticallyCancelledOn? time, status
  SalesOrderStatus, creditClaimStatus? CreditClaimStatus, creditClaimExpirationDateTime? time, sequenceNumber
  int, tradeItemVersion? int, salesOrderVersion? int, contractId? uuid, blanketOrderLineId? uuid,
  bundledOfferLineId? uuid, calculatedFields SalesOrderCalculatedFields, paymentProvider PaymentProvider,
  deliveryRemarks? text255, deliveryPricePerPiece? Price, despatchWarehouseId? uuid, creationDateTime? time,
  lastModifiedDateTime? time, createdBySupplier bool, createdByUserName? text100, batchId? uuid, mutations
  SalesOrderMutation[], batchReference? int, isPaid? bool, salesStrategyId? uuid, isDaytradeFromNursery bool
SalesOrderCalculatedFields: totalPricePerPiece Price, orderAmount OrderAmount
SalesOrderCorrectionRequest: salesOrderCorrectionRequestId uuid, salesOrderId uuid, status
  CorrectionRequestStatus, isSalesOrderCreatedBySupplier bool, initiatedBy OrganizationType, expiresAtDateTime
  time, creationDateTime time, lastModifiedDateTime time, sequenceNumber int, customerOrganizationId uuid,
  pricePerPiece? Price, isCancelRequest bool, stockApplication SalesOrderCorrectionStockApplication,
  additionalServices CorrectionAdditionalService[]
SalesOrderCorrectionStockApplication = DIRECT | NEVER
SalesStrategy: salesStrategyId uuid, batchId uuid, batchReference text, minimumPercentageReservedForAuction num,
  numberOfPieces int, photos PhotoWithId[], presalesPrices SalesStrategyPresalesPrice[], isDeleted bool,
  sequenceNumber int
SalesStrategyPresalesPrice: hub DaytradeHub, expectedDeliveryDateTimeOnHub time, pricePerPiece? VolumePrice
SalesUnit = PACKAGE | LAYER | LOADCARRIER | SUPPLYLINE | PIECE
StickerType = UNKNOWN | POT | PACKAGE | SLEEVE | PRODUCT | LAYER | LOAD_CARRIER | DOCUMENT | MULTIPLE_TYPE
SupplyLine: supplyLineId uuid, status SupplyStatus, tradeItemId uuid, batchId? uuid, pricePerPiece Price,
  pricePerPieceLastModified? time, volumePrices VolumePrice[], numberOfPieces int, assignedNumberOfPieces int,
  packingConfigurations? SupplyLinePackingConfiguration[], orderPeriod TradePeriod, deliveryPeriod? TradePeriod,
  includedServices? CommercialService[], allowedCustomerOrganizationIds? uuid[], sequenceNumber int, supplyType?
  SupplyType, agreementReference? AgreementReference, salesUnit? SalesUnit, isPromo? bool, isDeleted? bool,
  priceGroupName? text120, onlyAsapDelivery bool
SupplyLinePackingConfiguration: piecesPerPackage int, package Package, packagesPerLayer int,
  layersPerLoadCarrier int, loadCarrier SupplyLoadCarrierType
SupplyLoadCarrierType = NONE | AUCTION_TROLLEY | DANISH_TROLLEY | EURO_TROLLEY | PALLET | EURO_PALLET
SupplyRequest: supplyRequestId uuid, customerOrganizationId uuid, title? text255, description? text4000,
  quantityDescription? text255, salesChannel text, orderPeriod TradePeriod, deliveryPeriod TradePeriod,
  expiresAtDateTime time, creationDateTime time, lastModifiedDateTime time, isDeleted bool, sequenceNumber int,
  commercialServices CommercialService[], supplyRequestLines SupplyRequestLine[]
SupplyRequestLine: supplyRequestLineId uuid, supplierOrganizationId uuid, tradeItemId? uuid, price Price, status
  RequestStatus, packingConfiguration? RequestPackingConfiguration, creationDateTime time, lastModifiedDateTime
  time, isLockedByCustomer bool, isDeleted bool
SupplyStatus = AVAILABLE | UNAVAILABLE | DELETED
SupplyType = CATALOG_PRICE | BATCH_PRICE | CONTRACT_PRICE | CUSTOMER_OFFER | PURCHASE_TIP
TimeFrame: latestOrderTime duration, latestDeliveryTime duration
TrackAndTraceScan: scanId uuid, fulfillmentOrderId uuid, trackAndTraceStatus TrackAndTraceStatus, scanDateTime
  time, sequenceNumber int, logisticLabelCode text20
TrackAndTraceStatus = NONE | DELIVERED | IN_TRANSIT | READY_FOR_TRANSIT
TradeInstrument = CLOCK_PRESALES | CLOCK_SALES | CONTRACT | DIRECT_SALES | BID_OFFER | CLOCK_SALES_FROM_NURSERY
TradeItem: tradeItemId uuid, sellerOrganizationId uuid, supplierArticleCode text13, articleGtin? gln,
  vbnProductCode int, tradeItemName TradeItemName, characteristics Characteristic[], customerOrganizationIds?
  uuid[], seasonalPeriods? SeasonalPeriod[], photos Photo[], packingConfigurations PackingConfiguration[],
  botanicalNames? text[], countryOfOriginIsoCodes? text[], isHiddenInCatalog bool, sequenceNumber int,
  isParentForVariant bool, parentId? uuid, tradeItemComponents? TradeItemComponent[], tradeItemReference? gln,
  tradeItemVersion int, creationDateTime time, lastModifiedDateTime time, isDeleted bool,
  hasInvalidFloricodeData bool, additionalPackagingInformationFloricodeVrsPackagingIds? uuid[]
TradeItemAvailability: tradeItemId uuid, isAvailable bool, sequenceNumber int
TradeItemAvailabilityPerWeek: tradeItemId uuid, week int, year int, isAvailable bool,
  alwaysAvailableForCustomerOrganizationIds uuid[], neverAvailableForCustomerOrganizationIds uuid[],
  sequenceNumber int
TradeItemComponent: baseItemId uuid, numberOfItems int
TradeItemName: nl text120
TradeItemRequest: tradeItemRequestId uuid, supplierOrganizationId uuid, customerOrganizationId uuid,
  tradeItemId? uuid, status RequestStatus, sequenceNumber int, vbnProductCode int, remark? text500,
  packingConfiguration RequestPackingConfiguration, characteristics Characteristic[], expiresAtDateTime time,
  creationDateTime time, lastModifiedDateTime time
TradePeriod: startDateTime time, endDateTime time
TransitStatus = IN_TRANSIT | DELIVERED | UNKNOWN
Unit = PIECE | BUNCH | PACKAGE | LAYER | LOADCARRIER
WareHouseServiceType = EXTERNAL_STOCK | AUCTION
Warehouse: warehouseId uuid, organizationId uuid, name text70, services? WareHouseServiceType[], location
  Location, sequenceNumber int, creationDateTime time, lastModifiedDateTime time, isDeleted bool, isDefault
  bool, hasAccess bool, isExternal bool
`;
