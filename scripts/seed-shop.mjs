// @ts-check
// The example's shop as rows: people, what they bought, what they looked at, what they agreed to.

import {
  CATEGORIES,
  COLOURS,
  COUNTRIES,
  FIRST_NAMES,
  INTERESTS,
  STORES,
  SURNAME_ENDS,
  SURNAME_STARTS,
  TAGS,
} from './seed-words.mjs';

const DAY_MS = 86_400_000;
const HISTORY_DAYS = 500;
const EVENT_DAYS = 30;

/**
 * @typedef {Record<string, string | number | boolean | null>} Row
 * @typedef {{ day: 1 | 2, today: number, customers: number }} Wish  `today`: midnight UTC, in milliseconds.
 * @typedef {ReturnType<typeof dice>} Dice
 */

/** Numbers that look random and are the same for the same name (mulberry32). @param {string} name */
function dice(name) {
  let state = 2_166_136_261;
  for (const character of name) state = Math.imul(state ^ character.charCodeAt(0), 16_777_619);
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    /** True in this share of cases. @param {number} share */
    chance: (share) => next() < share,
    /** A whole number from `low` to `high`, both included. @param {number} low @param {number} high */
    whole: (low, high) => low + Math.floor(next() * (high - low + 1)),
    /** @template T @param {readonly T[]} choices @returns {T} */
    pick: (choices) => /** @type {T} */ (choices[Math.floor(next() * choices.length)]),
    share: next,
  };
}

/** @param {number} ms */
const timestamp = (ms) => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
/** @param {number} ms */
const date = (ms) => new Date(ms).toISOString().slice(0, 10);
/** @param {string} text */
const ascii = (text) =>
  text
    .normalize('NFD')
    .replaceAll(/[^A-Za-z]/g, '')
    .toLowerCase();

/** @param {Dice} roll */
function pickCountry(roll) {
  let left = roll.whole(1, 100);
  for (const country of COUNTRIES) {
    left -= country.weight;
    if (left <= 0) return country;
  }
  return /** @type {(typeof COUNTRIES)[number]} */ (COUNTRIES[0]);
}

/** @param {number} id @param {number} now @returns {Row} */
function makeCustomer(id, now) {
  const roll = dice(`customer ${id}`);
  const gender = roll.pick(/** @type {const} */ (['f', 'f', 'f', 'm', 'm', 'm', 'x']));
  const country = pickCountry(roll);
  const [city, zip] = roll.pick(country.places);
  const first = roll.pick(FIRST_NAMES[gender]);
  const last = `${roll.pick(SURNAME_STARTS)}${roll.pick(SURNAME_ENDS)}`;
  const address = `${ascii(first)}.${ascii(last)}${id}@${roll.pick(['example.com', 'example.org', 'example.net'])}`;
  const hasPhone = roll.chance(0.8);
  // Some are known by their phone only, some type their address in capitals.
  const hasEmail = !hasPhone || roll.chance(0.95);
  return {
    customer_id: id,
    first_name: first,
    last_name: last,
    email: hasEmail ? (roll.chance(0.05) ? address.toUpperCase() : address) : null,
    phone: hasPhone ? country.phone(id) : null,
    birth_date: roll.chance(0.7) ? date(now - roll.whole(19 * 365, 75 * 365) * DAY_MS) : null,
    gender,
    city,
    zip,
    country: country.code,
    language: country.language,
    interests: INTERESTS.filter(() => roll.chance(0.35)).join('|'),
    home_store_id: roll.chance(0.6) ? (STORES.find((store) => store[3] === country.code)?.[0] ?? null) : null,
    created_at: timestamp(now - roll.whole(1, HISTORY_DAYS) * DAY_MS - roll.whole(0, DAY_MS - 1)),
    is_test: id % 97 === 0,
    support_note: roll.chance(0.1) ? 'prefers to be called in the morning' : null,
  };
}

/** @param {number} now @returns {Row[]} */
function makeProducts(now) {
  const roll = dice('products');
  return Object.entries(CATEGORIES)
    .flatMap(([category, [cheapest, kinds]]) =>
      kinds.flatMap((kind) =>
        COLOURS.slice(0, 2).map((colour) => ({ category, cheapest, name: `${kind}, ${colour}` })),
      ),
    )
    .map(({ category, cheapest, name }, index) => ({
      product_id: 100 + index,
      name,
      category,
      price: (cheapest + roll.whole(0, 40) * 2.5).toFixed(2),
      launched_on: date(now - roll.whole(30, 900) * DAY_MS),
      discontinued_on: index % 9 === 4 ? date(now + roll.whole(5, 28) * DAY_MS) : null,
    }));
}

/** @param {number} now @returns {Row[]} */
function makeStores(now) {
  const roll = dice('stores');
  return STORES.map(([id, name, city, country]) => ({
    store_id: id ?? null,
    name: name ?? null,
    city: city ?? null,
    country: country ?? null,
    opened_on: date(now - roll.whole(400, 4000) * DAY_MS),
  }));
}

/**
 * One order with its lines, some time in the day before `before`.
 * @param {{ id: number, customer: Row, products: readonly Row[], at: number, fresh: boolean }} wish
 */
function makeOrder({ id, customer, products, at, fresh }) {
  const roll = dice(`order ${id}`);
  const inStore = customer['home_store_id'] !== null && roll.chance(0.4);
  const order = {
    order_id: id,
    customer_id: customer['customer_id'] ?? null,
    store_id: inStore ? (customer['home_store_id'] ?? null) : null,
    channel: inStore ? 'store' : 'web',
    status: fresh ? 'placed' : roll.pick(['completed', 'completed', 'completed', 'shipped', 'returned', 'cancelled']),
    shipping_country: roll.chance(0.06) ? roll.pick(COUNTRIES).code : (customer['country'] ?? null),
    currency: 'EUR',
    ordered_at: timestamp(at),
  };
  const lines = Array.from({ length: roll.whole(1, 3) }, (_, index) => {
    const product = roll.pick(products);
    return {
      order_id: id,
      line_number: index + 1,
      product_id: product['product_id'] ?? null,
      quantity: roll.chance(0.8) ? 1 : roll.whole(2, 4),
      unit_price: product['price'] ?? null,
    };
  });
  return { order, lines };
}

/** @param {Row} customer */
function browserOf(customer) {
  const roll = dice(`browser ${customer['customer_id']}`);
  return {
    fbp: roll.chance(0.7) ? `fb.1.1700000000000.${roll.whole(1_000_000_000, 1_999_999_999)}` : null,
    ip: `203.0.113.${roll.whole(1, 254)}`,
    user_agent: roll.pick([
      'Mozilla/5.0 (X11; Linux x86_64)',
      'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0)',
      'Mozilla/5.0 (Windows NT 10.0)',
    ]),
  };
}

/** A visit: pages and products seen, something put in the cart. @param {{ id: number, customer: Row, products: readonly Row[], at: number }} wish @returns {Row} */
function makeVisit({ id, customer, products, at }) {
  const roll = dice(`visit ${id}`);
  const name = roll.pick(['page_view', 'product_view', 'product_view', 'add_to_cart']);
  const product = name === 'page_view' ? null : roll.pick(products);
  const anonymous = roll.chance(0.2);
  return {
    event_id: `visit_${id}`,
    customer_id: anonymous ? null : (customer['customer_id'] ?? null),
    event_name: name,
    occurred_at: timestamp(at),
    page_url: product === null ? 'https://shop.example.com/' : `https://shop.example.com/p/${product['product_id']}`,
    product_id: product?.['product_id'] ?? null,
    order_id: null,
    value: product?.['price'] ?? null,
    ...browserOf(customer),
  };
}

/** What the shop's site reports for an order made there. @param {Row} order @param {readonly Row[]} lines @param {Row} customer @returns {Row} */
function makePurchase(order, lines, customer) {
  const value = lines.reduce((sum, line) => sum + Number(line['quantity']) * Number(line['unit_price']), 0);
  return {
    event_id: `purchase_${order['order_id']}`,
    customer_id: order['customer_id'] ?? null,
    event_name: 'purchase',
    occurred_at: order['ordered_at'] ?? null,
    page_url: 'https://shop.example.com/thanks',
    product_id: null,
    order_id: order['order_id'] ?? null,
    value: value.toFixed(2),
    ...browserOf(customer),
  };
}

/** @param {readonly Row[]} customers @param {number} now @returns {Row[]} */
function makeConsents(customers, now) {
  return customers.flatMap((customer) => {
    const roll = dice(`consent ${customer['customer_id']}`);
    return [
      ['email', 0.7],
      ['ads', 0.85],
    ].map(([channel, share]) => ({
      customer_id: customer['customer_id'] ?? null,
      channel: String(channel),
      granted: roll.chance(Number(share)),
      changed_at: timestamp(now - roll.whole(1, HISTORY_DAYS) * DAY_MS),
    }));
  });
}

/** @param {readonly Row[]} customers @param {number} now */
function makeLoyalty(customers, now) {
  /** @type {Row[]} */
  const cards = [];
  /** @type {Row[]} */
  const tags = [];
  for (const customer of customers) {
    const roll = dice(`loyalty ${customer['customer_id']}`);
    const id = customer['customer_id'] ?? null;
    if (roll.chance(0.5)) {
      const points = roll.whole(0, 3000);
      const tier = points > 2000 ? 'gold' : points > 800 ? 'silver' : 'bronze';
      cards.push({ customer_id: id, tier, points, joined_on: date(now - roll.whole(1, HISTORY_DAYS) * DAY_MS) });
    }
    TAGS.forEach((_, index) => {
      if (roll.chance(0.12)) tags.push({ customer_id: id, tag_id: index + 1 });
    });
  }
  return { cards, tags };
}

/** Orders, lines and events of a stretch of time. @param {{ customers: readonly Row[], products: readonly Row[], from: number, to: number, orders: number, visits: number, first: number, fresh: boolean }} wish */
function makeTraffic({ customers, products, from, to, orders, visits, first, fresh }) {
  const roll = dice(`traffic ${first}`);
  /** @type {{ orders: Row[], lines: Row[], events: Row[] }} */
  const traffic = { orders: [], lines: [], events: [] };
  // A few buy often, many seldom: the square of an even share.
  const someone = () => /** @type {Row} */ (customers[Math.floor(roll.share() ** 2 * customers.length)]);
  const eventsFrom = Math.max(from, to - EVENT_DAYS * DAY_MS);
  for (let index = 0; index < orders; index += 1) {
    const customer = someone();
    const at = Math.floor((from + roll.share() ** 0.7 * (to - from)) / 1000) * 1000;
    const { order, lines } = makeOrder({ id: first + index, customer, products, at, fresh });
    traffic.orders.push(order);
    traffic.lines.push(...lines);
    if (order.channel === 'web' && at >= eventsFrom) traffic.events.push(makePurchase(order, lines, customer));
  }
  for (let index = 0; index < visits; index += 1) {
    const at = eventsFrom + Math.floor((roll.share() * (to - eventsFrom)) / 1000) * 1000;
    traffic.events.push(makeVisit({ id: first + index, customer: someone(), products, at }));
  }
  return traffic;
}

/** What one day does to people. @param {readonly Row[]} customers @param {number} now */
function livesChange(customers, now) {
  const roll = dice('day 2');
  /** @type {Row[]} */
  const kept = [];
  const left = new Set();
  const withdrawn = new Set();
  customers.forEach((customer, index) => {
    const changed = { ...customer };
    // Numbers without a common factor spread the changes over everybody.
    if (index % 37 === 11) {
      left.add(customer['customer_id']);
      return;
    }
    if (index % 29 === 5) {
      const country = COUNTRIES.find((candidate) => candidate.code === (customer['country'] === 'FR' ? 'GB' : 'FR'));
      const [city, zip] = roll.pick(/** @type {(typeof COUNTRIES)[number]} */ (country).places);
      Object.assign(changed, { country: country?.code ?? null, city, zip, home_store_id: null });
    }
    if (index % 31 === 7 && customer['email'] !== null)
      changed['email'] = `new.${String(customer['email']).toLowerCase()}`;
    if (index % 41 === 3) withdrawn.add(customer['customer_id']);
    kept.push(changed);
  });
  const next = customers.length + 1;
  const joined = Array.from({ length: Math.ceil(customers.length / 25) }, (_, index) => ({
    ...makeCustomer(next + index, now),
    created_at: timestamp(now - (index + 1) * 60_000),
  }));
  return { customers: [...kept, ...joined], left, withdrawn };
}

/** Every table of the shop, by name. @param {Wish} wish @returns {Record<string, readonly Row[]>} */
export function makeShop({ day, today, customers: count }) {
  const start = today - DAY_MS;
  const products = makeProducts(start);
  const before = Array.from({ length: count }, (_, index) => makeCustomer(index + 1, start));
  // A couple with one address: the platform that knows people by it can hold only one of the two.
  if (count > 20) Object.assign(/** @type {Row} */ (before[19]), { email: before[16]?.['email'] ?? null });
  const past = makeTraffic({
    customers: before,
    products,
    from: start - HISTORY_DAYS * DAY_MS,
    to: start,
    orders: count * 3,
    visits: count * 3,
    first: 1,
    fresh: false,
  });
  const tables = {
    customers: before,
    consents: makeConsents(before, start),
    ...past,
  };
  const loyalty = makeLoyalty(before, start);
  const fixed = {
    products,
    stores: makeStores(start),
    tags: TAGS.map((name, index) => ({ tag_id: index + 1, tag_name: name })),
  };
  if (day === 1) return named({ ...fixed, ...tables, cards: loyalty.cards, customer_tags: loyalty.tags });

  const change = livesChange(before, today);
  const news = makeTraffic({
    customers: change.customers,
    products,
    from: start,
    to: today,
    orders: Math.ceil(count / 10),
    visits: Math.ceil(count / 3),
    first: count * 10,
    fresh: true,
  });
  /** @param {Row} row */
  const remains = (row) => !change.left.has(row['customer_id'] ?? null);
  // Who leaves is erased: what they bought stays in the books, without them.
  /** @param {Row} row */
  const forgotten = (row) => (remains(row) ? row : { ...row, customer_id: null });
  const joined = change.customers.slice(-Math.ceil(count / 25));
  return named({
    ...fixed,
    customers: change.customers,
    consents: [...tables.consents.filter(remains), ...makeConsents(joined, today)].map((row) =>
      change.withdrawn.has(row['customer_id'] ?? null) && row['granted']
        ? { ...row, granted: false, changed_at: timestamp(today - 3_600_000) }
        : row,
    ),
    orders: [...past.orders.map(forgotten), ...news.orders],
    lines: [...past.lines, ...news.lines],
    events: [...past.events.map(forgotten), ...news.events],
    cards: loyalty.cards.filter(remains),
    customer_tags: loyalty.tags.filter(remains),
  });
}

/** @param {Record<'customers' | 'consents' | 'products' | 'stores' | 'tags' | 'orders' | 'lines' | 'events' | 'cards' | 'customer_tags', readonly Row[]>} tables */
function named({ lines, events, cards, ...rest }) {
  return { ...rest, order_lines: lines, web_events: events, loyalty_cards: cards };
}
