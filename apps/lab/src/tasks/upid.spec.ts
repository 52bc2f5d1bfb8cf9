import { formatUpid, parseUpid } from './upid.js';

describe('UPIDs', () => {
  it('are written as on a real node', () => {
    const upid = {
      node: 'pve1',
      pid: 491,
      pstart: 446_529,
      starttime: 1_795_404_723,
      type: 'qmcreate',
      id: '100',
      user: 'root@pam!lab',
    };
    expect(formatUpid(upid)).toBe('UPID:pve1:000001EB:0006D041:6B03B3B3:qmcreate:100:root@pam!lab:');
    expect(parseUpid(formatUpid(upid))).toEqual(upid);
  });

  it.each([
    'UPID:pve1',
    'UPID:pve1:1:2:3:x:y:root@pam:',
    'UPID:../x:000001EB:0006D041:6B03B3B3:qmcreate:100:root@pam:',
    '',
  ])('do not take %s', (text) => {
    expect(parseUpid(text)).toBeUndefined();
  });
});
