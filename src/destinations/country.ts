import { type CountryCode, getCountries, isSupportedCountry } from 'libphonenumber-js';

/** ISO 3166-1 alpha-3 codes that are not spelled by a name, of the countries most often met. */
const ALPHA_3 =
  'AE:ARE AR:ARG AT:AUT AU:AUS BE:BEL BG:BGR BR:BRA CA:CAN CH:CHE CL:CHL CN:CHN CO:COL CY:CYP CZ:CZE DE:DEU DK:DNK DZ:DZA ' +
  'EE:EST EG:EGY ES:ESP FI:FIN FR:FRA GB:GBR GR:GRC HK:HKG HR:HRV HU:HUN ID:IDN IE:IRL IL:ISR IN:IND IS:ISL IT:ITA JP:JPN ' +
  'KE:KEN KR:KOR LT:LTU LU:LUX LV:LVA MA:MAR MC:MCO MT:MLT MX:MEX MY:MYS NG:NGA NL:NLD NO:NOR NZ:NZL PE:PER PH:PHL PL:POL ' +
  'PT:PRT QA:QAT RO:ROU RS:SRB RU:RUS SA:SAU SE:SWE SG:SGP SI:SVN SK:SVK TH:THA TN:TUN TR:TUR TW:TWN UA:UKR US:USA UY:URY ' +
  'VN:VNM ZA:ZAF';

/** Names in use beside the official English one. */
const OTHER_NAMES: Readonly<Record<string, CountryCode>> = {
  uk: 'GB',
  'great britain': 'GB',
  england: 'GB',
  scotland: 'GB',
  wales: 'GB',
  usa: 'US',
  'united states of america': 'US',
  turkey: 'TR',
  'czech republic': 'CZ',
  holland: 'NL',
  'the netherlands': 'NL',
};

let names: ReadonlyMap<string, CountryCode> | null = null;

function knownNames(): ReadonlyMap<string, CountryCode> {
  if (names !== null) return names;
  const english = new Intl.DisplayNames(['en'], { type: 'region' });
  const known = new Map<string, CountryCode>(Object.entries(OTHER_NAMES));
  for (const code of getCountries()) known.set((english.of(code) ?? code).toLowerCase(), code);
  for (const pair of ALPHA_3.split(' ')) {
    const [code, alpha3] = pair.split(':');
    if (code !== undefined && alpha3 !== undefined && isSupportedCountry(code)) known.set(alpha3.toLowerCase(), code);
  }
  names = known;
  return known;
}

/** The ISO 3166-1 alpha-2 code of a country, from its code (two letters or three) or its English name; null when unknown. */
export function readCountry(text: string): CountryCode | null {
  const name = text.trim().toLowerCase();
  const known = knownNames().get(name);
  if (known !== undefined) return known;
  const code = name.toUpperCase();
  return isSupportedCountry(code) ? code : null;
}
