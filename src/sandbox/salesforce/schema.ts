import type { RowError } from './salesforce-answer.ts';

/** Objects that every org has, with their key prefix and standard fields; required ones first. */
const STANDARD: Readonly<
  Record<string, { readonly prefix: string; readonly required: number; readonly fields: readonly string[] }>
> = {
  Account: {
    prefix: '001',
    required: 1,
    fields: ['Name', 'Phone', 'Website', 'Industry', 'BillingCity', 'BillingCountry'],
  },
  Contact: {
    prefix: '003',
    required: 1,
    fields: [
      ...['LastName', 'FirstName', 'Email', 'Phone', 'MobilePhone', 'Birthdate', 'Description', 'Title', 'Department'],
      ...['MailingStreet', 'MailingCity', 'MailingPostalCode', 'MailingCountry', 'AccountId', 'HasOptedOutOfEmail'],
    ],
  },
  Lead: {
    prefix: '00Q',
    required: 2,
    fields: ['LastName', 'Company', 'FirstName', 'Email', 'Phone', 'Status', 'IsConverted', 'City', 'Country'],
  },
  Campaign: { prefix: '701', required: 1, fields: ['Name', 'IsActive', 'Status', 'Type'] },
  CampaignMember: { prefix: '00v', required: 1, fields: ['CampaignId', 'ContactId', 'LeadId', 'Status'] },
};

const SYSTEM = ['Id', 'CreatedDate', 'SystemModstamp'];
/** Custom fields that are marked External ID where nothing else was said. */
const EXTERNAL = /(?:Id|Key|Ext\w*)__c$/;
const LENGTHS: Readonly<Record<string, number>> = { LastName: 80, FirstName: 40 };

/** The fields of an org. Names compare without case but in CSV headers; any custom name (`__c`) is one, unless names were given. */
export class Schema {
  /** Of custom fields; null: any name. */
  names: ReadonlySet<string> | null = null;
  external: ReadonlySet<string> | null = null;

  prefix(object: string): string | null {
    return STANDARD[object]?.prefix ?? (object.endsWith('__c') ? 'a00' : null);
  }

  /** The field's own name; null where there is no such field. */
  field(object: string, name: string): string | null {
    const known = [...SYSTEM, ...(STANDARD[object]?.fields ?? ['Name'])];
    const standard = known.find((one) => one.toLowerCase() === name.toLowerCase());
    if (standard !== undefined) return standard;
    if (!/^[A-Za-z]\w*__c$/.test(name)) return null;
    if (this.names === null) return name;
    return [...this.names].find((one) => one.toLowerCase() === name.toLowerCase()) ?? null;
  }

  isExternalId(object: string, name: string): boolean {
    if (name === 'Id') return true;
    if (name === 'Email') return object === 'Contact' || object === 'Lead';
    return this.external === null ? EXTERNAL.test(name) : this.external.has(name);
  }

  isUnique(name: string): boolean {
    return name !== 'Email' && this.isExternalId('', name);
  }

  required(object: string): readonly string[] {
    const standard = STANDARD[object];
    return standard === undefined ? [] : standard.fields.slice(0, standard.required);
  }

  /** The object that `Account` of `Account.Ext__c` refers to. */
  parentOf(reference: string): { readonly object: string; readonly field: string } {
    if (reference.endsWith('__r'))
      return { object: reference.replace(/__r$/, '__c'), field: reference.replace(/__r$/, '__c') };
    return { object: reference, field: `${reference}Id` };
  }
}

/** What is wrong with a value, whatever the record. */
export function valueProblem(name: string, value: string): RowError | null {
  if (name === 'Email' && !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(value))
    return {
      statusCode: 'INVALID_EMAIL_ADDRESS',
      message: `Email: invalid email address: ${value}`,
      fields: ['Email'],
    };
  const length = LENGTHS[name];
  if (length !== undefined && value.length > length)
    return {
      statusCode: 'STRING_TOO_LONG',
      message: `${name}: data value too large: ${value} (max length=${length})`,
      fields: [name],
    };
  return null;
}
