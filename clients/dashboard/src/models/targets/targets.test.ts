import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';

import { CapabilitiesSchema, CatalogTableKind, CatalogTableSchema, FeatureStatus, SslMode, TableProfileSchema, TargetSchema } from '../../lib/pb';
import { profileView, tableView } from './catalog';
import { draftOf, emptyDraft, faultsOf, placed, toTarget } from './draft';
import { type Mode, rootHelp } from './encryption';
import { advanced, remainingUs, share, speed } from './loading';
import { capabilitiesView, targetView } from './view';

const postgres = create(TargetSchema, {
  project: 'acme/shop',
  name: 'main',
  address: { case: 'postgres', value: { host: 'db', database: 'shop', user: 'bench', sslMode: SslMode.VERIFY_FULL, rootCertificate: 'PEM' } },
  pricePerHour: 0.25,
  etag: 'v1',
});

describe('a target', () => {
  it('says where it is', () => {
    expect(targetView(postgres)).toMatchObject({ kindName: 'PostgreSQL', address: 'db:5432/shop?sslmode=verify-full', port: 0, etag: 'v1' });
    const sqlite = create(TargetSchema, { address: { case: 'sqlite', value: { path: '/tmp/a.db' } } });
    expect(targetView(sqlite)).toMatchObject({ kindName: 'SQLite', address: '/tmp/a.db' });
  });

  it.each([
    [SslMode.UNSPECIFIED, '', 'db:5432/d', 'Not encrypted (disable)'],
    [SslMode.DISABLE, '', 'db:5432/d', 'Not encrypted (disable)'],
    [SslMode.REQUIRE, '', 'db:5432/d?sslmode=require', 'Encrypted, the server is not checked (require)'],
    [SslMode.VERIFY_CA, 'PEM', 'db:5432/d?sslmode=verify-ca', 'Encrypted, from the authority given, for any host (verify-ca, by the root certificate given)'],
    [
      SslMode.VERIFY_FULL,
      '',
      'db:5432/d?sslmode=verify-full',
      "Encrypted, from a trusted authority and for this host (verify-full, the system's authorities)",
    ],
  ])('says how it is encrypted, never the certificate: %i %s', (sslMode, rootCertificate, address, encryption) => {
    const value = { host: 'db', database: 'd', sslMode, rootCertificate };
    expect(targetView(create(TargetSchema, { address: { case: 'postgres', value } }))).toMatchObject({ address, encryption });
  });

  it('sends a root certificate only where something is held against it', () => {
    const sent = (mode: Mode): unknown => toTarget({ ...emptyDraft('default'), mode, rootCertificate: ' PEM\n' }).address;
    expect(sent('verify-ca')).toMatchObject({ value: { sslMode: SslMode.VERIFY_CA, rootCertificate: 'PEM' } });
    expect(sent('require')).toMatchObject({ value: { sslMode: SslMode.REQUIRE, rootCertificate: '' } });
    expect(sent('disable')).toMatchObject({ value: { sslMode: SslMode.DISABLE, rootCertificate: '' } });
  });

  it('lets the system vouch only for a host by its name', () => {
    expect(rootHelp('verify-ca')).not.toContain('empty');
    expect(rootHelp('verify-full')).toContain('empty for those that the machine of the workers trusts');
  });

  it('comes back from the form as it went in, without a password', () => {
    const { targetId: _, createdUs: __, etag: ___, $typeName: ____, ...rest } = postgres;
    const again = create(TargetSchema, toTarget(draftOf(targetView(postgres))));
    expect(again).toMatchObject(rest);
  });

  it('leaves to the other kind what is of the other kind', () => {
    const draft = { ...emptyDraft('default'), name: ' a ', kind: 'sqlite' as const, path: '/a', host: 'b', port: 'x' };
    expect(faultsOf(draft)).toEqual({});
    expect(toTarget(draft)).toEqual({ project: 'default', name: 'a', pricePerHour: 0, address: { case: 'sqlite', value: { path: '/a' } } });
  });

  it.each([
    [{ port: '5432', price: '1.5' }, []],
    [{ port: 'five' }, ['port']],
    [{ port: '-1', price: 'cheap' }, ['port', 'price']],
    [{ price: '1e3' }, ['price']],
    [{ price: '.' }, ['price']],
  ])('finds numbers that are none: %j', (parts, wrong) => {
    expect(Object.keys(faultsOf({ ...emptyDraft('default'), ...parts }))).toEqual(wrong);
  });

  it('puts violations at their fields', () => {
    const { faults, rest } = placed([
      { field: 'target.postgres.host', message: 'is required' },
      { field: 'target.price_per_hour', message: 'too much' },
      { field: 'target.postgres.ssl_mode', message: 'no TLS there' },
      { field: 'target.postgres.root_certificate', message: 'holds a private key' },
      { field: 'target', message: 'odd' },
      { field: '', message: 'other' },
    ]);
    expect(faults).toEqual({ host: 'is required', price: 'too much', mode: 'no TLS there', rootCertificate: 'holds a private key' });
    expect(rest).toEqual(['target: odd', 'other']);
  });
});

describe('what a target can do', () => {
  it('is said in words', () => {
    const view = capabilitiesView(
      create(CapabilitiesSchema, {
        version: 'PostgreSQL 15',
        features: [{ name: 'pg_stat_statements', status: FeatureStatus.MISSING, note: 'install it' }],
        settings: [{ name: 'shared_buffers', value: '16384', unit: '8kB' }, { name: 'fsync', value: 'on' }],
        maxConnections: 100,
        connectionsInUse: 3,
      }),
    );
    expect(view.connections).toBe('3 of 100 in use');
    expect(view.features).toEqual([{ name: 'pg_stat_statements', status: 'missing', tone: 'warn', note: 'install it' }]);
    expect(view.settings.map(({ value }) => value)).toEqual(['16384 8kB', 'on']);
    expect(capabilitiesView(create(CapabilitiesSchema)).connections).toBe('');
  });
});

describe('the catalog', () => {
  it('describes tables', () => {
    const view = tableView(
      create(CatalogTableSchema, {
        kind: CatalogTableKind.MATERIALIZED_VIEW,
        rowsEstimate: 10_000n,
        columns: [{ name: 'id', type: 'bigint', primaryKeyPosition: 1, indexed: true }, { name: 'k', type: 'int', indexed: true, nullable: true }],
        indexes: [{ name: 'pk', columns: ['id'], unique: true, primary: true }, { name: 'k', columns: ['k'], partial: true }],
      }),
    );
    expect([view.kind, view.rows, view.size]).toEqual(['materialized view', '10,000', '–']);
    expect(view.columns.map(({ notes }) => notes)).toEqual(['primary key', 'indexed, nullable']);
    expect(view.indexes.map(({ text }) => text)).toEqual(['(id) primary key', '(k) partial']);
  });

  it('says how well a profile is known', () => {
    const view = profileView(
      create(TableProfileSchema, {
        rows: 1_000_000n,
        sampledRows: 10_000n,
        columns: [{ name: 'c', min: 'a'.repeat(50), nullRatio: 0.5, commonValues: [{ value: 'x', ratio: 0.1 }] }],
      }),
    );
    expect(view.summary).toBe('about 1,000,000 rows, 10,000 of them looked at');
    expect(view.columns[0]).toMatchObject({ min: `≈ ${'a'.repeat(23)}…`, max: '–', nulls: '50 %', common: 'x (10 %)' });
    const all = create(TableProfileSchema, { rows: 5n, rowsExact: true, sampledRows: 5n, fromStatistics: true });
    expect(profileView(all).summary).toBe("5 rows, all of them looked at; shares by the database's own statistics");
  });
});

describe('a table being filled', () => {
  it('has a speed once rows came', () => {
    const first = advanced(undefined, { loaded: 1_000, total: 10_000, alreadyPresent: false }, 0);
    expect([share(first), speed(first), remainingUs(first)]).toEqual([0.1, undefined, undefined]);
    const next = advanced(first, { loaded: 3_000, total: 10_000, alreadyPresent: false }, 2_000);
    expect([speed(next), remainingUs(next)]).toEqual([1_000, 7_000_000]);
  });
});
