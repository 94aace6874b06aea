import { warehouseContract } from '../contract.ts';
import { openTestDatabase } from './database.ts';
import { postgresMember } from './member.ts';

warehouseContract({ ...postgresMember, open: openTestDatabase });
