/** Names of the states of the US and the provinces of Canada, letters only, with their two-letter codes. */
const CODES =
  'alabama:al alaska:ak arizona:az arkansas:ar california:ca colorado:co connecticut:ct delaware:de districtofcolumbia:dc washingtondc:dc ' +
  'florida:fl georgia:ga hawaii:hi idaho:id illinois:il indiana:in iowa:ia kansas:ks kentucky:ky louisiana:la maine:me ' +
  'maryland:md massachusetts:ma michigan:mi minnesota:mn mississippi:ms missouri:mo montana:mt nebraska:ne nevada:nv ' +
  'newhampshire:nh newjersey:nj newmexico:nm newyork:ny northcarolina:nc northdakota:nd ohio:oh oklahoma:ok oregon:or ' +
  'pennsylvania:pa rhodeisland:ri southcarolina:sc southdakota:sd tennessee:tn texas:tx utah:ut vermont:vt virginia:va ' +
  'washington:wa westvirginia:wv wisconsin:wi wyoming:wy puertorico:pr ' +
  'alberta:ab britishcolumbia:bc manitoba:mb newbrunswick:nb newfoundlandandlabrador:nl northwestterritories:nt ' +
  'novascotia:ns nunavut:nu ontario:on princeedwardisland:pe quebec:qc saskatchewan:sk yukon:yt';

const BY_NAME: ReadonlyMap<string, string> = new Map(
  CODES.split(' ').map((pair) => [pair.slice(0, -3), pair.slice(-2)]),
);

/** The two-letter code of a state or province of the US or Canada, from its name in letters a–z; null for any other. */
export function regionCode(letters: string): string | null {
  return BY_NAME.get(letters) ?? null;
}
