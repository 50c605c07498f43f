/**
 * Models of the customers API, version 2026v1: every required field, and the optional ones that a partner usually fills
 * in. The form is explained in `models.ts`. https://api.staging.floriday.io/customers-api-2026v1/swagger/index.html
 */

export const CUSTOMER_MODELS = `
ActionRequired = UNKNOWN | DIFFERENT_PRICE | SUPPLY_UNAVAILABLE | SUPPLY_NOT_FOUND | NOT_ENOUGH_IN_STOCK |
  SUPPLY_INVALID_PERIOD | SUPPLY_EXPIRED | TRADE_ITEM_CODE_DIFFERENCE | VBN_PRODUCT_CODE_DIFFERENCE |
  PACKAGE_DIFFERENCE | POT_SIZE_DIFFERENCE | PIECES_PER_PACKAGE_DIFFERENCE | TRADE_ITEM_NOT_FOUND |
  SALES_ORDER_REJECTED | FAILED_TO_CREATE_SALES_ORDER | NUMBER_OF_PIECES_INVALID_FOR_SALES_UNIT |
  ORDER_REQUEST_REJECTED_BY_SUPPLIER | LOAD_CARRIER_DIFFERENCE | PACKAGES_PER_LAYER_DIFFERENCE |
  LAYERS_PER_LOAD_CARRIER_DIFFERENCE | INVALID_DELIVERY_GLN | INVALID_DELIVERY_MOMENT | TRADE_ITEM_UNAVAILABLE |
  INVALID_SUPPLY_REQUEST | CUSTOMER_DOES_NOT_ACCEPT_TRANSPORT_COST | INCORRECT_ADDITIONAL_SERVICE |
  INCORRECT_INCUDED_SERVCES | CURRENCY_DIFFERENCE
AdditionalService: additionalServiceId uuid, commercialServiceTypeId uuid, name text50, description? text255,
  warehouseIds uuid[], price Price, unit AdditionalServiceUnit, isAvailable bool, isDeleted bool,
  isCustomerSpecific bool, supplierOrganizationId uuid, sequenceNumber int
Address: addressLine? text70, city? text70, countryCode? text3, postalCode? text10, stateOrProvince? text70
AgreementReference: description? text255
BlanketOrderLine: blanketOrderLineId uuid, contractLinePeriodId uuid, tradeItemId uuid, supplierOrganizationId
  uuid, packingConfiguration? PackingConfiguration, numberOfPieces int, pricePerPiece? Price,
  deliveryLocationGln text13, incoterm Incoterm, liesOutsideOfContractLinePeriodMargins bool
CarrierOrganization: organizationId? uuid, name? text255
ClockPresalesSupplyLine: supplyLineId uuid, status SupplyStatus, tradeItemId uuid, pricePerPiece Price,
  deliveryNoteReference text20, deliveryNoteCode text10, deliveryNoteLetter text1, numberOfPieces int,
  packingConfiguration ClockSupplyLinePackingConfiguration, tradePeriod Period, supplierOrganizationId uuid,
  sequenceNumber int, creationDateTime time, lastModifiedDateTime? time, auctionDate date,
  initialAuctionLocation AuctionLocation, photoUrl text200
ClockSupplyLinePackingConfiguration: piecesPerPackage int, package Package, packagesPerLayer int,
  layersPerLoadCarrier int, loadCarrier LoadCarrierType
CommercialServiceType: commercialServiceTypeId uuid, name? text100, sequenceNumber int
Connection: supplierOrganizationId uuid, lastModified time, isDeleted bool, sequenceNumber int
ContractLineTradeItem: contractLineTradeItemId uuid, tradeItemId uuid, tradeItemVersion int,
  packingConfiguration PackingConfiguration
ContractTradeItemGroupTradeItem: tradeItemId uuid, isPrimary bool, packingConfiguration PackingConfiguration,
  isDeleted bool
CustomPackage: customPackageId uuid, vbnPackageCode int, name text50, heightInMm int, widthInMm int, lengthInMm
  int, isDeleted bool, sequenceNumber int
CustomSyncSupplyLine: isDisabledForSync bool, supplyLineId uuid, status SupplyStatus, supplierOrganizationId
  uuid, tradeItemId uuid, pricePerPiece Price, volumePrices VolumePrice[], numberOfPieces int, deliveryPeriod?
  Period, orderPeriod Period, warehouseId uuid, sequenceNumber int, type SupplyType, isDeleted bool, salesUnit
  SalesUnit, isLimited bool, isCustomerSpecific bool
CustomerSticker: stickerId uuid, customerOrganizationId uuid, supplierOrganizationId uuid, deliveryDateTime
  time, stickerType StickerType, salesOrderId? uuid, isHandled bool, creationDateTime time, isDeleted bool,
  sequenceNumber int, compositions CustomerStickerComposition[]
DeliveryConditionSet: deliveryConditionSetId uuid, organizationId uuid, warehouseIds uuid[], deliveryConditions
  DeliveryCondition[], isCustomerSpecific bool, isDeleted bool, sequenceNumber int
DeliveryRegion: gln gln, name? text255
FulfillmentLocation: gln? gln
FulfillmentOrder: fulfillmentOrderId uuid, expectedDeliveryDateTime time, deliveryLocation FulfillmentLocation,
  despatchLocation FulfillmentLocation, createdDateTime time, lastModified time, senderOrganizationId uuid,
  logisticHub? LogisticHub, status FulfillmentOrderStatus, sequenceNumber int, carrierOrganization
  CarrierOrganization, loadCarriers LoadCarrierConfiguration[]
FulfillmentOrderStatus = UNKNOWN | DRAFT | PENDING | ACCEPTED | FAILED | CANCELLED
Identity: customerOrganization Organization, clientId text20, apiVersion text6
IncludedServices = NONE | DELIVERY | STICKERING
InvoiceLine: invoiceLineId text36, invoiceId? text24, salesOrderId uuid, salesChannelOrderId text13,
  deliveryFormReference text7, subTotalAmount num, numberOfPieces int, invoiceDate? time, lastModified? time,
  sequenceNumber int
LoadCarrierConfiguration: numberOfAdditionalLayers int, numberOfLayers int, loadCarrierItems LoadCarrierItem[],
  loadCarrierType LoadCarrierType, sequenceInFulfillment int
LoadCarrierItem: salesOrderId uuid, tradeItemId uuid, numberOfPackages int, sequenceOnCarrier int,
  batchReference? int, logisticLabelCode text19
LogisticMeansInvoiceStatus: invoiceLineId uuid, fulfillmentOrderId uuid, invoiceId text, invoiceDate time,
  logisticMeansType LogisticMeansType, numberOfItems int, lastModified time, sequenceNumber int
OrderRequestStatus = UNKNOWN | PENDING | EXPIRED | ACCEPTED | DECLINED | DECLINED_WITH_COUNTER_OFFER
Organization: organizationId uuid, companyGln? gln, name text255, endDate? time, rfhRelationId int,
  organizationType OrganizationType, paymentProviders PaymentProvider[]
OrganizationDetails: commercialName text255, website? text255, mailingAddress Address, physicalAddress Address,
  phytosanitaryNumber? text26, sequenceNumber int, organizationId uuid, companyGln? gln, name text255, endDate?
  time, rfhRelationId int, organizationType OrganizationType, paymentProviders PaymentProvider[], isFsiCompliant
  bool
OrganizationType = CUSTOMER | SUPPLIER | CARRIER | AGENT | REMAINING
PackingConfiguration: package Package, piecesPerPackage int, packagesPerLayer int, layersPerLoadCarrier int,
  loadCarrierType LoadCarrierType, isPrimary bool
PackingConfigurationRequest: added time, lastModified time, customerOrganizationId uuid, status RequestStatus,
  sequenceNumber int, packingConfigurationRequestId uuid, tradeItemId uuid, supplierOrganizationId uuid, remark?
  text500, expiresAt time, loadCarrierType LoadCarrierType, package Package, piecesPerPackage int,
  packagesPerLayer int, layersPerLoadCarrier int
Period: startDateTime time, endDateTime time
Photo: id uuid, url text, type PhotoType, primary bool
PhotoType = UNKNOWN | PIECE | TRAY | DETAIL | RULER | SCENE | SEASON | STEM | BUNCH | CONTAINER | CLOCK |
  WEBSHOP_FRIENDLY
PurchaseOrder: purchaseOrderId uuid, salesOrderId? uuid, tradeItemId? uuid, supplierOrganizationId? uuid,
  actionsRequired ActionRequired[], purchaseOrderToSalesOrderOrigin PurchaseOrderToSalesOrderOrigin,
  orderDateTime time, quantity Quantity, pricePerPiece? Price, packingConfiguration?
  PurchaseOrderPackingConfiguration, delivery PurchaseOrderDelivery, sequenceNumber int, isOrderRequest bool,
  orderRequestStatus? OrderRequestStatus
PurchaseOrderDelivery: latestDeliveryDateTime time, location Location, incoterm Incoterm
PurchaseOrderPackingConfiguration: packagesPerLayer int, layersPerLoadCarrier int
PurchaseOrderToSalesOrderOrigin = UNKNOWN | SUPPLY_REQUEST | ALTERNATIVE_SUPPLY | ONE_TO_ONE_MATCH
RequestStatus = UNKNOWN | PENDING | ACCEPTED | REJECTED
SalesOrder: salesOrderId uuid, supplierOrganizationId uuid, sellerOrganizationId? uuid, customerOrganizationId
  uuid, mainCustomerOrganizationId? uuid, supplyLineId? uuid, tradeItemId uuid, salesChannel SalesChannel,
  salesChannelInterface SalesChannelInterface, salesChannelOrderId text13, numberOfPieces int, pricePerPiece
  Price, barcodeLogisticServiceProvider? text13, tradeInstrument TradeInstrumentType, packingConfiguration
  SalesOrderPackingConfiguration, additionalServices? OrderedAdditionalService[], customerOrderReference?
  text26, orderDateTime time, delivery SalesOrderDelivery, status SalesOrderStatus, creditClaimStatus?
  CreditClaimStatus, sequenceNumber int, cancellationDeadline? time, automaticallyCancelledOn? time,
  tradeItemVersion int, salesOrderVersion int, contractId? uuid, blanketOrderLineId? uuid, calculatedFields
  SalesOrderCalculatedFields, paymentProvider PaymentProvider, deliveryRemarks? text255, deliveryPricePerPiece?
  Price, despatchWarehouseId? uuid, creationDateTime time, lastModifiedDateTime? time, isCreatedBySupplier bool,
  createdByUserName? text100, mutations SalesOrderMutation[], salesOrderGroupId? uuid, batchReference? int,
  isPaid? bool, customerLogisticReference? text13
SalesOrderCalculatedFields: orderAmount Price, totalPricePerPiece Price
SalesOrderCorrectionRequest: salesOrderCorrectionRequestId uuid, salesOrderId uuid, status
  CorrectionRequestStatus, isSalesOrderCreatedBySupplier bool, initiatedBy OrganizationType, expiresAtDateTime
  time, creationDateTime time, lastModifiedDateTime time, sequenceNumber int, customerOrganizationId uuid,
  pricePerPiece? Price, isCancelRequest bool, additionalServices CorrectionAdditionalService[]
SalesUnit = PACKAGE | LAYER | LOAD_CARRIER | SUPPLY_LINE | PIECE
SelectedTradeItem: supplierOrganizationId uuid, tradeItemId uuid, isSelectedBySupplier bool,
  customTradeItemName? text100, packingConfigurations SelectedTradeItemPackingConfiguration[], lastModified
  time, isDeleted bool, sequenceNumber int, isDeletedFromCatalog bool, photoIsUnavailableInCatalog bool
SelectedTradeItemPackingConfiguration: layersPerLoadCarrier int, loadCarrierType LoadCarrierType, vbnPackageCode
  int, packagesPerLayer int, piecesPerPackage int, isPrimary bool, isDeleted bool, isUnavailableInCatalog bool
StickerType = UNKNOWN | PRODUCT | POT | SLEEVE | PACKAGE | LAYER | LOAD_CARRIER | DOCUMENT | MULTI_TYPE
SubCustomerSalesOrder: salesOrderId uuid, pricePerPiece Price, deliveryPricePerPiece Price, orderAmount Price,
  transactionSurcharge Price, numberOfPieces int, companyName text, sequenceNumber int
SupplierTradeSettings: supplierOrganizationId uuid, automaticallyAcceptsCorrectionRequests TradeSetting,
  usesCancellationGracePeriodIfMinimumQuantityIsNotMet TradeSetting, usesContracts TradeSetting,
  usesCustomerStickers TradeSetting, acceptsOrderRequests TradeSetting, acceptsSupplyRequests TradeSetting,
  acceptsTradeItemRequests TradeSetting, acceptsPackingConfigurationRequests TradeSetting, sequenceNumber int
SupplyLine: supplyLineId uuid, status SupplyStatus, supplierOrganizationId uuid, tradeItemId uuid, pricePerPiece
  Price, pricePerPieceLastModified? time, volumePrices VolumePrice[], numberOfPieces int, packingConfigurations?
  PackingConfiguration[], deliveryPeriod? Period, orderPeriod Period, includedServices? IncludedServices[],
  warehouseId uuid, sequenceNumber int, type SupplyType, isDeleted bool, salesUnit SalesUnit,
  agreementReference? AgreementReference, isLimited bool, isCustomerSpecific bool, onlyAsapDelivery bool
SupplyRequest: supplyRequestId uuid, supplyRequestGroupId uuid, title text255, supplierOrganizationId uuid,
  orderPeriod Period, deliveryPeriod Period, description? text4000, added time, lastModified time,
  supplyRequestLines SupplyRequestLine[], sequenceNumber int, isDeleted bool, currency Currency, status
  SupplyRequestStatus
SupplyRequestLine: supplyRequestLineId uuid, supplyRequestId uuid, tradeItemId uuid, packingConfiguration?
  SupplyRequestLinePackingConfiguration, pricePerPiece? num, added time, lastModified time, status
  SupplyRequestLineStatus, isLockedByCustomer bool, isDeleted bool
SupplyRequestLinePackingConfiguration: piecesPerPackage int, packagesPerLayer int, layersPerLoadCarrier int,
  loadCarrierType LoadCarrierType, package Package
SupplyRequestLineStatus = UNKNOWN | PENDING | ACCEPTED | REJECTED | COMMITTED
SupplyRequestStatus = UNKNOWN | DRAFT | PENDING | COMPLETED | REJECTED
SupplyStatus = AVAILABLE | UNAVAILABLE
SupplyType = UNKNOWN | CATALOG | BATCH | CUSTOMER_OFFER | PURCHASE_TIP
TimeFrame: latestOrderTime duration, deliveryDaysOffset int, latestDeliveryTime duration
TradeInstrumentType = CLOCK_PRESALES | CLOCK_SALES | CONTRACT | DIRECT_SALES | BID_OFFER |
  CLOCK_SALES_FROM_NURSERY
TradeItem: tradeItemId uuid, supplierOrganizationId uuid, sellerOrganizationId uuid, code text13, gtin? text13,
  vbnProductCode text, name? text120, characteristics Characteristic[], seasonalPeriods? SeasonalPeriod[],
  photos Photo[], packingConfigurations PackingConfiguration[], isDeleted bool, sequenceNumber int,
  botanicalNames? text[], countryOfOriginIsoCodes? text[], tradeItemVersion int, isCustomerSpecific bool,
  isHiddenInCatalog bool, creationDateTime time, lastModifiedDateTime time, hasInvalidFloricodeData bool,
  parentId? uuid, additionalPackagingInformationFloricodeVrsPackagingIds? uuid[]
TradeItemGroupSelectionHeader: tradeItemGroupSelectionId uuid, name text60, description text500, imageUrl
  text255, added time, lastModified time, isDeleted bool, sequenceNumber int
TradeItemGroupSelectionTradeItem: tradeItemGroupSelectionId uuid, tradeItemId uuid, added time, lastModified
  time, isDeleted bool, sequenceNumber int
TradeItemRequest: added time, lastModified time, customerOrganizationId uuid, status RequestStatus, tradeItemId?
  uuid, sequenceNumber int, tradeItemRequestId uuid, supplierOrganizationId uuid, remark? text500,
  vbnProductCode text6, packingConfiguration TradeItemRequestPackingConfiguration, characteristics
  Characteristic[], expiresAt time
TradeItemRequestPackingConfiguration: loadCarrierType LoadCarrierType, package Package, piecesPerPackage int,
  packagesPerLayer int, layersPerLoadCarrier int
Unit = PIECE | BUNCH | PACKAGE | LAYER | LOADCARRIER | SHIPMENT
Warehouse: warehouseId uuid, organizationId uuid, name text255, location Location, isDeleted bool,
  sequenceNumber int
`;
