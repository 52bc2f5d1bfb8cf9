/** What reads or fetches foreign things is refused as on a node without a backup server, or says what this lab has not. */
import { guestTools } from './guest-tools.js';
import { openTestLab, type TestLab } from './test-lab.js';

let test: TestLab;
beforeAll(async () => {
  test = await openTestLab();
});
afterAll(() => test.close());
const { refusal, logOf } = guestTools(() => test);
const base = '/nodes/lab1/storage';
const parameter = (name: string, text: string) => [400, 'Parameter verification failed.', { [name]: text }];

it.each([
  ['local', 'backup/vzdump-qemu-100-2026_01_01-00_00_00.vma', parameter('storage', 'Only PBS storages supported for file-restore.')],
  ['local', 'local-zfs:vm-100-disk-0', parameter('volume', 'storage ID mismatch (local-zfs != local).')],
  ['local', 'local:iso/x.iso', [500, "unable to use volume local:iso/x.iso - content type needs to be 'backup'"]],
  ['nope', 'backup/vzdump-qemu-100-2026_01_01-00_00_00.vma', [500, "storage 'nope' does not exist"]],
])('files of backups on %s, %s: only a backup server looks into them', async (storage, volume, expected) => {
  for (const what of ['list', 'download'])
    expect(await refusal('GET', `${base}/${storage}/file-restore/${what}`, { volume, filepath: '/' })).toEqual(expected);
}); // biome-ignore format: one case a line

it.each([
  ['local-zfs', 'vm-100-disk-0', 'storage does not support the importer API'],
  ['local', 'iso/x.iso', "invalid content type 'iso'"],
  ['local', 'import/x.qcow2', 'invalid format'],
])('a guest to import on %s, %s: %s', async (storage, volume, text) => {
  expect(await refusal('GET', `${base}/${storage}/import-metadata`, { volume })).toEqual([500, text]);
});

it('an image of a registry is asked for in the words of a node, and the task says that this lab pulls none', async () => {
  const pull = (storage: string, more = {}) =>
    refusal('POST', `${base}/${storage}/oci-registry-pull`, { reference: 'docker.io/library/alpine:3.22', ...more });
  expect(await pull('local-zfs')).toEqual([500, "can't upload to storage type 'zfspool', not a file based storage!"]);
  expect((await pull('local', { reference: 'no tag' }))[2]).toEqual({
    reference: 'value does not match the regex pattern',
  });
  const upid = await test.root.data('POST', `${base}/local/oci-registry-pull`, { reference: 'library/alpine:3.22' });
  expect(upid).toContain(':ociregistrypull:alpine_3.22.tar:');
  expect(await logOf(upid)).toEqual([
    'this lab (Bastide lab) pulls no images',
    "TASK ERROR: command 'skopeo copy docker://library/alpine:3.22 oci-archive:alpine_3.22.tar' failed: exit code 1",
  ]);
});
