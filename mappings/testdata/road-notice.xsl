<?xml version="1.0" encoding="UTF-8"?>
<!-- The yardstick of BenchmarkAgainstXSLT: by hand, what the tables and the join make of a
     manifest MT2401 and the exit report of its truck, which the parameter names. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:m="urn:Declaration:datamodel:standard:CN:MT2401:1" xmlns:v="urn:Declaration:datamodel:standard:CN:MT4402:1"
    xmlns:autop="urn:customs.ru:Information:CustomsDocuments:AutoPreliminary:5.23.0" xmlns:cat_ru="urn:customs.ru:CommonAggregateTypes:5.22.0"
    xmlns:RUScat_ru="urn:customs.ru:RUSCommonAggregateTypes:5.22.0" xmlns:catpi_ru="urn:customs.ru:Information:PriorInformation:PriorCommonAggregateTypes:5.23.0"
    exclude-result-prefixes="m v">
  <xsl:output method="xml" encoding="UTF-8" indent="yes"/>
  <xsl:strip-space elements="*"/>
  <xsl:param name="report"/>
  <xsl:param name="id"/>
  <xsl:variable name="exit" select="document($report)/v:Manifest"/>
  <xsl:variable name="truck" select="$exit/v:Declaration/v:Consignment/v:BorderTransportMeans"/>
  <xsl:variable name="containers" select="$exit/v:Declaration/v:Consignment/v:TransportEquipment"/>

  <xsl:template match="/m:Manifest">
    <xsl:variable name="waybills" select="m:Declaration/m:Consignment"/>
    <autop:AutoPreliminary DocumentModeID="1006826E">
      <cat_ru:DocumentID><xsl:value-of select="$id"/></cat_ru:DocumentID>
      <autop:EECEDocHeaderAddInfo>
        <RUScat_ru:EDocCode>R.042</RUScat_ru:EDocCode>
        <RUScat_ru:EDocDateTime>
          <xsl:call-template name="chita"><xsl:with-param name="shanghai" select="$exit/v:Head/v:SendTime"/></xsl:call-template>
        </RUScat_ru:EDocDateTime>
        <RUScat_ru:LanguageCode>RU</RUScat_ru:LanguageCode>
        <RUScat_ru:SourceCountryCode>CN</RUScat_ru:SourceCountryCode>
        <RUScat_ru:DestinationCountryCode>RU</RUScat_ru:DestinationCountryCode>
      </autop:EECEDocHeaderAddInfo>
      <autop:ElectronicDocumentSign>ЭД</autop:ElectronicDocumentSign>
      <autop:UsageCode>01</autop:UsageCode>
      <autop:EntryCheckPointDetails>
        <autop:CustomsOfficeCode>10719110</autop:CustomsOfficeCode>
        <autop:BorderCheckpointName>МАПП Забайкальск</autop:BorderCheckpointName>
      </autop:EntryCheckPointDetails>
      <autop:DeclarantDetails>
        <cat_ru:OrganizationName>ООО ПРИМЕР-БРОКЕР</cat_ru:OrganizationName>
        <RUScat_ru:CountryA2Code>RU</RUScat_ru:CountryA2Code>
        <catpi_ru:EqualIndicator>0</catpi_ru:EqualIndicator>
      </autop:DeclarantDetails>
      <autop:BorderTransportDetails>
        <autop:TransportModeCode>
          <xsl:choose>
            <xsl:when test="count($truck/v:TransportEquipment) = 1">31</xsl:when>
            <xsl:when test="count($truck/v:TransportEquipment) &gt; 1">32</xsl:when>
            <xsl:otherwise>30</xsl:otherwise>
          </xsl:choose>
        </autop:TransportModeCode>
        <autop:ContainerIndicator><xsl:value-of select="number(boolean($containers or $waybills/m:TransportEquipment))"/></autop:ContainerIndicator>
        <autop:PIATTransportMeansItemDetails>
          <autop:TransportMeansRegId><xsl:value-of select="$truck/v:ID"/></autop:TransportMeansRegId>
          <autop:TransportKindCode>303</autop:TransportKindCode>
        </autop:PIATTransportMeansItemDetails>
        <xsl:for-each select="$truck/v:TransportEquipment">
          <autop:PIATTransportMeansItemDetails>
            <autop:TransportMeansRegId><xsl:value-of select="v:ID"/></autop:TransportMeansRegId>
            <autop:TransportKindCode>312</autop:TransportKindCode>
          </autop:PIATTransportMeansItemDetails>
        </xsl:for-each>
        <autop:Purpose>3</autop:Purpose>
      </autop:BorderTransportDetails>
      <autop:MainConsignmentDetails>
        <autop:TIRCarnetIndicator>0</autop:TIRCarnetIndicator>
        <autop:GoodsQuantity><xsl:value-of select="count($waybills/m:ConsignmentItem)"/></autop:GoodsQuantity>
        <autop:CargoQuantity><xsl:value-of select="sum($waybills/m:TotalPackageQuantity)"/></autop:CargoQuantity>
        <autop:TotalGrossMassMeasure><xsl:value-of select="sum($waybills/m:GovernmentAgencyGoodsItem/m:GoodsMeasure/m:GrossMassMeasure)"/></autop:TotalGrossMassMeasure>
        <xsl:if test="$containers/v:SealID">
          <autop:CustomsIdentificationDetails>
            <catpi_ru:CustomsIdentificationMethodCode>01</catpi_ru:CustomsIdentificationMethodCode>
            <catpi_ru:SealQuantity><xsl:value-of select="count($containers/v:SealID)"/></catpi_ru:SealQuantity>
            <xsl:for-each select="$containers/v:SealID">
              <catpi_ru:CustomsIdentificationMeansIdDetails>
                <catpi_ru:CustomsIdentificationMeansId>
                  <xsl:choose>
                    <xsl:when test="contains(., '/')"><xsl:value-of select="substring-after(., '/')"/></xsl:when>
                    <xsl:otherwise><xsl:value-of select="."/></xsl:otherwise>
                  </xsl:choose>
                </catpi_ru:CustomsIdentificationMeansId>
              </catpi_ru:CustomsIdentificationMeansIdDetails>
            </xsl:for-each>
          </autop:CustomsIdentificationDetails>
        </xsl:if>
        <xsl:apply-templates select="$waybills"/>
      </autop:MainConsignmentDetails>
      <xsl:for-each select="$truck/v:Master">
        <autop:CarrierDetails>
          <catpi_ru:CarrierRepresentativeDetails>
            <catpi_ru:PersonSurname><xsl:value-of select="v:Name"/></catpi_ru:PersonSurname>
            <catpi_ru:RoleCode>1</catpi_ru:RoleCode>
          </catpi_ru:CarrierRepresentativeDetails>
        </autop:CarrierDetails>
      </xsl:for-each>
    </autop:AutoPreliminary>
  </xsl:template>

  <xsl:template match="m:Consignment">
    <autop:ConsignmentDetails>
      <autop:ObjectOrdinal><xsl:value-of select="position()"/></autop:ObjectOrdinal>
      <autop:TransportDocumentDetails>
        <cat_ru:PrDocumentNumber><xsl:value-of select="m:TransportContractDocument/m:ID"/></cat_ru:PrDocumentNumber>
      </autop:TransportDocumentDetails>
      <autop:GoodsQuantity><xsl:value-of select="count(m:ConsignmentItem)"/></autop:GoodsQuantity>
      <autop:CargoQuantity><xsl:value-of select="m:TotalPackageQuantity"/></autop:CargoQuantity>
      <xsl:if test="m:ValueAmount">
        <autop:TotalAmount>
          <RUScat_ru:Amount><xsl:value-of select="m:ValueAmount"/></RUScat_ru:Amount>
          <RUScat_ru:CurrencyCode><xsl:value-of select="m:ValueAmount/@currencyID"/></RUScat_ru:CurrencyCode>
        </autop:TotalAmount>
      </xsl:if>
      <autop:GrossWeightQuantity><xsl:value-of select="m:GovernmentAgencyGoodsItem/m:GoodsMeasure/m:GrossMassMeasure"/></autop:GrossWeightQuantity>
      <xsl:for-each select="m:Consignor">
        <autop:ConsignorDetails><xsl:call-template name="party"/></autop:ConsignorDetails>
      </xsl:for-each>
      <xsl:for-each select="m:Consignee">
        <autop:ConsigneeDetails><xsl:call-template name="party"/></autop:ConsigneeDetails>
      </xsl:for-each>
      <xsl:for-each select="m:TransportEquipment">
        <autop:ContainerDetails><catpi_ru:ContainerNumber><xsl:value-of select="m:ID"/></catpi_ru:ContainerNumber></autop:ContainerDetails>
      </xsl:for-each>
      <xsl:apply-templates select="m:ConsignmentItem"/>
    </autop:ConsignmentDetails>
  </xsl:template>

  <xsl:template match="m:ConsignmentItem">
    <autop:GoodsItem>
      <catpi_ru:GoodsNumeric><xsl:value-of select="m:SequenceNumeric"/></catpi_ru:GoodsNumeric>
      <xsl:variable name="code" select="m:Commodity/m:Classification[1]/m:ID"/>
      <xsl:if test="string-length($code) &gt;= 6 and translate($code, '0123456789', '') = ''">
        <catpi_ru:GoodsTNVEDCode><xsl:value-of select="substring($code, 1, 6)"/></catpi_ru:GoodsTNVEDCode>
      </xsl:if>
      <xsl:call-template name="pieces"><xsl:with-param name="text" select="m:Commodity/m:CargoDescription"/></xsl:call-template>
      <catpi_ru:GrossWeightQuantity><xsl:value-of select="m:GoodsMeasure/m:GrossMassMeasure"/></catpi_ru:GrossWeightQuantity>
      <catpi_ru:CargoPackagePalletDetails>
        <catpi_ru:PakageQuantity><xsl:value-of select="sum(m:Packaging/m:QuantityQuantity)"/></catpi_ru:PakageQuantity>
        <xsl:for-each select="m:Packaging">
          <catpi_ru:PackagePalleteInformation>
            <catpi_ru:PalleteCode><xsl:value-of select="m:QuantityQuantity/@unitCode"/></catpi_ru:PalleteCode>
            <catpi_ru:PalleteQuantity><xsl:value-of select="m:QuantityQuantity"/></catpi_ru:PalleteQuantity>
          </catpi_ru:PackagePalleteInformation>
        </xsl:for-each>
      </catpi_ru:CargoPackagePalletDetails>
    </autop:GoodsItem>
  </xsl:template>

  <xsl:template name="party">
    <cat_ru:OrganizationName><xsl:value-of select="m:Name"/></cat_ru:OrganizationName>
    <xsl:for-each select="m:Address">
      <RUScat_ru:SubjectAddressDetails><RUScat_ru:AddressText><xsl:value-of select="m:Line"/></RUScat_ru:AddressText></RUScat_ru:SubjectAddressDetails>
    </xsl:for-each>
    <xsl:if test="m:Communication[m:TypeID = 'TE' or m:TypeID = 'FX' or m:TypeID = 'EM']">
      <RUScat_ru:CommunicationDetails>
        <xsl:for-each select="m:Communication[m:TypeID = 'TE']"><cat_ru:Phone><xsl:value-of select="m:ID"/></cat_ru:Phone></xsl:for-each>
        <xsl:for-each select="m:Communication[m:TypeID = 'FX']"><cat_ru:Fax><xsl:value-of select="m:ID"/></cat_ru:Fax></xsl:for-each>
        <xsl:for-each select="m:Communication[m:TypeID = 'EM']"><cat_ru:E_mail><xsl:value-of select="m:ID"/></cat_ru:E_mail></xsl:for-each>
      </RUScat_ru:CommunicationDetails>
    </xsl:if>
  </xsl:template>

  <!-- A description in pieces of 250 characters. -->
  <xsl:template name="pieces">
    <xsl:param name="text"/>
    <xsl:if test="$text != ''">
      <catpi_ru:GoodsDescription><xsl:value-of select="substring($text, 1, 250)"/></catpi_ru:GoodsDescription>
      <xsl:call-template name="pieces"><xsl:with-param name="text" select="substring($text, 251)"/></xsl:call-template>
    </xsl:if>
  </xsl:template>

  <!-- yyyyMMddHHmmssSSS of Shanghai as xs:dateTime of Chita, an hour ahead; by day numbers, so that midnight is none. -->
  <xsl:template name="chita">
    <xsl:param name="shanghai"/>
    <xsl:variable name="y" select="number(substring($shanghai, 1, 4))"/>
    <xsl:variable name="mo" select="number(substring($shanghai, 5, 2))"/>
    <xsl:variable name="a" select="floor((14 - $mo) div 12)"/>
    <xsl:variable name="yy" select="$y + 4800 - $a"/>
    <xsl:variable name="hour" select="number(substring($shanghai, 9, 2)) + 1"/>
    <xsl:variable name="day" select="number(substring($shanghai, 7, 2)) + floor((153 * ($mo + 12 * $a - 3) + 2) div 5) + 365 * $yy + floor($yy div 4) - floor($yy div 100) + floor($yy div 400) - 32045 + floor($hour div 24)"/>
    <xsl:variable name="b" select="$day + 32044"/>
    <xsl:variable name="c" select="floor((4 * $b + 3) div 146097)"/>
    <xsl:variable name="d" select="$b - floor(146097 * $c div 4)"/>
    <xsl:variable name="e" select="floor((4 * $d + 3) div 1461)"/>
    <xsl:variable name="f" select="$d - floor(1461 * $e div 4)"/>
    <xsl:variable name="g" select="floor((5 * $f + 2) div 153)"/>
    <xsl:value-of select="concat(format-number(100 * $c + $e - 4800 + floor($g div 10), '0000'), '-', format-number($g + 3 - 12 * floor($g div 10), '00'), '-',
      format-number($f - floor((153 * $g + 2) div 5) + 1, '00'), 'T', format-number($hour mod 24, '00'), ':', substring($shanghai, 11, 2), ':', substring($shanghai, 13, 2), '.', substring($shanghai, 15, 3), '+09:00')"/>
  </xsl:template>
</xsl:stylesheet>
