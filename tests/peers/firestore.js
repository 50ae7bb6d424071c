// SPDX-License-Identifier: BSD-2-Clause
// The official client library against tests/tools/firestore-server: what it asks is answered as it expects.
// usage: node firestore.js PORT [KEY-FILE]     (NODE_PATH: where @google-cloud/firestore is)
'use strict';
const assert = require('assert');
const fs = require('fs');
const {Firestore, FieldPath, FieldValue, Timestamp, GeoPoint, AggregateField} = require('@google-cloud/firestore');

const [port, keyFile] = process.argv.slice(2);
const settings = {projectId: 'demo', preferRest: true, ssl: false, host: `127.0.0.1:${port}`};
if (keyFile) {
  const key = JSON.parse(fs.readFileSync(keyFile));
  settings.credentials = {client_email: key.client_email, private_key: key.private_key,
    private_key_id: key.private_key_id};
} else {
  const {OAuth2Client} = require('google-auth-library');
  settings.authClient = new OAuth2Client();
  settings.authClient.setCredentials({access_token: 'owner', expiry_date: Date.now() + 36e5});
}
const db = new Firestore(settings);
let checks = 0;

async function check(name, fn) {
  try {
    await fn();
    checks++;
  } catch (error) {
    error.message = `${name}: ${error.message}`;
    throw error;
  }
}

const ids = (snapshot) => snapshot.docs.map((d) => d.id);

async function main() {
  const c = db.collection('c');
  const values = {n: 3, big: 12345678901, d: 1.5, nan: NaN, inf: Infinity, no: null, yes: true, s: 'é"\\\n',
    t: new Timestamp(1700000000, 123456000), b: Buffer.from([0, 255]), g: new GeoPoint(1.5, -2),
    r: db.doc('c/d1'), a: [1, 'x', {y: [2]}], m: {'a.b': {c: 1}}, e: {}, ea: []};

  await check('set, get, every type', async () => {
    await c.doc('v').set(values);
    const got = (await c.doc('v').get()).data();
    assert.ok(Number.isNaN(got.nan) && got.inf === Infinity && got.no === null && got.big === 12345678901);
    assert.ok(got.t.isEqual(values.t) && got.g.isEqual(values.g) && got.r.path === 'c/d1' && got.b.equals(values.b));
    assert.deepStrictEqual([got.a, got.m, got.e, got.ea, got.s], [values.a, values.m, values.e, values.ea, values.s]);
    await c.doc('v').delete();
    assert.strictEqual((await c.doc('v').get()).exists, false);
  });
  await check('create, update, preconditions, server timestamp', async () => {
    await c.doc('one').create({x: 1, deep: {a: 1, b: 2}});
    await assert.rejects(c.doc('one').create({x: 1}));
    await c.doc('one').update({'deep.a': 5, at: FieldValue.serverTimestamp(), x: FieldValue.delete()});
    const got = (await c.doc('one').get()).data();
    assert.deepStrictEqual(got.deep, {a: 5, b: 2});
    assert.ok(got.at instanceof Timestamp && !('x' in got));
    await assert.rejects(c.doc('none').update({x: 1}));
    await c.doc('one').delete();
  });
  await check('BulkWriter', async () => {
    const w = db.bulkWriter();
    for (let i = 0; i < 42; i++)
      w.set(c.doc(`d${String(i).padStart(2, '0')}`), {n: i % 7, i, at: new Timestamp(1700000000 + i, 0)});
    for (let i = 0; i < 5; i++)
      w.set(db.doc(`p/p${i}/sub/s${i}`), {i});
    await w.close();
  });
  await check('where, orderBy, startAfter, limit', async () => {
    assert.deepStrictEqual(ids(await c.where('i', '>=', 39).get()), ['d39', 'd40', 'd41']);
    assert.deepStrictEqual(ids(await c.where('n', '==', 3).where('i', '<', 11).get()), ['d03', 'd10']);
    assert.deepStrictEqual(ids(await c.where('n', 'in', [1, 2]).orderBy('i').limit(3).get()), ['d01', 'd02', 'd08']);
    const q = c.orderBy('n', 'desc').orderBy(FieldPath.documentId());
    const first = await q.limit(4).get();
    assert.deepStrictEqual(ids(first), ['d06', 'd13', 'd20', 'd27']);
    assert.deepStrictEqual(ids(await q.startAfter(first.docs[3]).limit(3).get()), ['d34', 'd41', 'd05']);
    assert.deepStrictEqual(ids(await q.startAt(5, 'd05').limit(1).get()), ['d05']);
    assert.deepStrictEqual(ids(await c.orderBy('i').endBefore(2).get()), ['d00', 'd01']);
    assert.deepStrictEqual(ids(await c.orderBy('i', 'desc').limitToLast(2).get()), ['d01', 'd00']);
    assert.strictEqual((await c.where('i', '>', 100).get()).size, 0);
  });
  await check('pages by a time and the name, as holdfast asks for them', async () => {
    const q = c.orderBy('at').orderBy(FieldPath.documentId());
    let seen = 0;
    let last = null;
    for (;;) {
      const page = await (last ? q.startAfter(last.get('at'), last.ref) : q).limit(10).get();
      seen += page.size;
      if (page.size < 10)
        break;
      last = page.docs[9];
    }
    assert.strictEqual(seen, 42);
  });
  await check('collection group, select, offset', async () => {
    assert.strictEqual((await db.collectionGroup('sub').get()).size, 5);
    const got = await db.collectionGroup('sub').orderBy('i').offset(2).limit(2).select('i').get();
    assert.deepStrictEqual(got.docs.map((d) => d.ref.path), ['p/p2/sub/s2', 'p/p3/sub/s3']);
    assert.deepStrictEqual((await c.orderBy('i').select().limit(1).get()).docs[0].data(), {});
  });
  await check('listDocuments with missing parents, listCollections', async () => {
    assert.deepStrictEqual((await db.collection('p').listDocuments()).map((d) => d.id), ['p0', 'p1', 'p2', 'p3', 'p4']);
    assert.deepStrictEqual((await db.listCollections()).map((d) => d.id), ['c', 'p']);
    assert.deepStrictEqual((await db.doc('p/p1').listCollections()).map((d) => d.id), ['sub']);
    assert.strictEqual((await c.listDocuments()).length, 42);
  });
  await check('getAll', async () => {
    const got = await db.getAll(c.doc('d01'), c.doc('nothing'), c.doc('d02'), {fieldMask: ['i']});
    assert.deepStrictEqual(got.map((d) => d.exists), [true, false, true]);
    assert.deepStrictEqual(got[2].data(), {i: 2});
  });
  await check('count', async () => {
    assert.strictEqual((await c.count().get()).data().count, 42);
    assert.strictEqual((await c.where('n', '==', 0).aggregate({k: AggregateField.count()}).get()).data().k, 6);
  });
  await check('a read at one time', async () => {
    const at = (await c.doc('d00').get()).readTime;
    await c.doc('d00').update({i: 1000});
    const old = await db.runTransaction(async (t) => (await t.get(c.where('i', '==', 0))).size,
      {readOnly: true, readTime: at});
    assert.strictEqual(old, 1);
    assert.strictEqual((await c.where('i', '==', 0).get()).size, 0);
  });
  await check('read-write transaction', async () => {
    await db.runTransaction(async (t) => {
      const d = await t.get(c.doc('d05'));
      t.update(d.ref, {i: d.get('i') + 1});
    });
    assert.strictEqual((await c.doc('d05').get()).get('i'), 6);
  });
  await check('partitions', async () => {
    let n = 0;
    for await (const part of db.collectionGroup('sub').getPartitions(2))
      n += (await part.toQuery().get()).size;
    assert.strictEqual(n, 5);
  });
  await check('errors', async () => {
    await assert.rejects(db.doc('c/x').update({y: 1}), /No document to update/);
  });
  await db.terminate();
  console.log(`${checks} checks passed`);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
