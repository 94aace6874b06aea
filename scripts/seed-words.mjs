// @ts-check
// Words that the example's people, products and places are made of. Surnames are put together from syllables; e-mail
// addresses use the domains, phone numbers the ranges and IP addresses the networks that are reserved for such use.

export const FIRST_NAMES = {
  f: [
    'Alba',
    'Bianca',
    'Céline',
    'Dana',
    'Elif',
    'Freya',
    'Greta',
    'Hana',
    'Ines',
    'Jana',
    'Lucie',
    'Maren',
    'Nora',
    'Orla',
    'Petra',
    'Romy',
    'Selma',
    'Tilda',
    'Vera',
    'Zoë',
  ],
  m: [
    'Adrien',
    'Bram',
    'Colin',
    'Dario',
    'Emil',
    'Felix',
    'Goran',
    'Hugo',
    'Ivo',
    'Joris',
    'Kian',
    'Luca',
    'Milo',
    'Nils',
    'Oskar',
    'Paolo',
    'Rémi',
    'Silas',
    'Theo',
    'Viktor',
  ],
  x: ['Alex', 'Charlie', 'Kim', 'Robin', 'Sasha'],
};

export const SURNAME_STARTS = [
  'Bal',
  'Cor',
  'Dum',
  'Far',
  'Gal',
  'Hol',
  'Jor',
  'Kel',
  'Lam',
  'Mar',
  'Nor',
  'Pal',
  'Quin',
  'Ros',
  'Sal',
  'Tal',
  'Val',
  'Wes',
];
export const SURNAME_ENDS = [
  'aire',
  'bury',
  'court',
  'dene',
  'ette',
  'fort',
  'gard',
  'holm',
  'ier',
  'lund',
  'mont',
  'nard',
  'quist',
  'rell',
  'stein',
  'ton',
  'vald',
  'wick',
];

/**
 * Countries of the shop. `phone` makes a number of a range that the country's regulator keeps for fiction.
 * @type {ReadonlyArray<{code: string, language: string, weight: number, places: ReadonlyArray<readonly [city: string, zip: string]>, phone: (n: number) => string}>}
 */
export const COUNTRIES = [
  {
    code: 'FR',
    language: 'fr',
    weight: 40,
    places: [
      ['Paris', '75011'],
      ['Lyon', '69002'],
      ['Nantes', '44000'],
      ['Lille', '59800'],
      ['Bourg-en-Bresse', '01000'],
    ],
    phone: (n) => `+33${[19900, 26191, 35301, 46571, 53649][n % 5]}${digits(Math.floor(n / 5), 4)}`,
  },
  {
    code: 'GB',
    language: 'en',
    weight: 22,
    places: [
      ['London', 'E1 6AN'],
      ['Leeds', 'LS1 4DY'],
      ['Birmingham', 'B1 1BB'],
    ],
    phone: (n) => `+44${['207946', '113496', '121496'][n % 3]}0${digits(Math.floor(n / 3), 3)}`,
  },
  {
    code: 'US',
    language: 'en',
    weight: 15,
    places: [
      ['Boston', '02116'],
      ['Chicago', '60607'],
      ['Denver', '80202'],
    ],
    phone: (n) => `+1${[617, 312, 303, 212, 415, 206][n % 6]}55501${digits(Math.floor(n / 6), 2)}`,
  },
  {
    code: 'DE',
    language: 'de',
    weight: 15,
    places: [
      ['Berlin', '10115'],
      ['Leipzig', '04109'],
      ['Köln', '50667'],
    ],
    phone: (n) => `+493023125${digits(n, 3)}`,
  },
  {
    code: 'SE',
    language: 'sv',
    weight: 8,
    places: [
      ['Malmö', '211 22'],
      ['Uppsala', '753 20'],
    ],
    phone: (n) => `+46${['8465004', '3139006', '4062804'][n % 3]}${digits(Math.floor(n / 3), 2)}`,
  },
];

export const STORES = [
  ['par1', 'Paris Oberkampf', 'Paris', 'FR'],
  ['lyo1', 'Lyon Presqu’île', 'Lyon', 'FR'],
  ['lil1', 'Lille Vieux-Lille', 'Lille', 'FR'],
  ['lon1', 'London Shoreditch', 'London', 'GB'],
  ['lee1', 'Leeds Arcades', 'Leeds', 'GB'],
  ['bos1', 'Boston Back Bay', 'Boston', 'US'],
  ['ber1', 'Berlin Mitte', 'Berlin', 'DE'],
  ['mal1', 'Malmö City', 'Malmö', 'SE'],
];

/** Categories with what is sold in them and the price of the cheapest. @type {Readonly<Record<string, readonly [number, readonly string[]]>>} */
export const CATEGORIES = {
  shoes: [59, ['Trail runner', 'Court sneaker', 'Chelsea boot', 'Canvas slip-on', 'Hiking boot', 'Leather loafer']],
  bags: [39, ['Weekender', 'Tote', 'Day pack', 'Belt bag', 'Laptop sleeve']],
  outerwear: [89, ['Rain shell', 'Down vest', 'Wool coat', 'Wind jacket']],
  accessories: [12, ['Merino beanie', 'Leather belt', 'Silk scarf', 'Knit gloves', 'Cap']],
  home: [19, ['Linen throw', 'Stoneware mug', 'Candle', 'Gift card, 50']],
};

export const COLOURS = ['sand', 'ink', 'moss', 'rust'];
export const INTERESTS = ['running', 'travel', 'design', 'cooking', 'hiking', 'music'];
export const TAGS = ['gift buyer', 'early adopter', 'wholesale', 'press', 'ambassador'];

/** @param {number} n @param {number} width */
function digits(n, width) {
  return String(n % 10 ** width).padStart(width, '0');
}
