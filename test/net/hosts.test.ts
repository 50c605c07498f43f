import { describe, expect, it } from 'vitest';
import { checkAllowHost, checkEndpoint, type NetPolicy } from '../../src/net/hosts.ts';

const closed: NetPolicy = { allowLoopback: false, allowHosts: [] };
const loopback: NetPolicy = { allowLoopback: true, allowHosts: [] };
const allowing = (...allowHosts: string[]): NetPolicy => ({ allowLoopback: false, allowHosts });

describe('endpoints without any allowance', () => {
  it.each([
    'https://api.example.com',
    'https://api.example.com/path?x=1',
    'https://api.example.com:8443/',
    'https://api.example.com.',
    'https://8.8.8.8/',
    'https://[2606:4700::1111]/',
    'https://[64:ff9b::8.8.8.8]/',
    'https://[::ffff:8.8.8.8]/',
  ])('accepts %s', (url) => {
    expect(checkEndpoint(url, closed)).toBeUndefined();
  });

  it.each([
    ['https://127.0.0.1/', 'loopback'],
    ['https://127.8.9.1/', 'loopback'],
    ['https://127.0.0.1./', 'loopback'],
    ['https://2130706433/', 'loopback'],
    ['https://0177.0.0.1/', 'loopback'],
    ['https://0x7f.1/', 'loopback'],
    ['https://127.1/', 'loopback'],
    ['https://１２７.0.0.1/', 'loopback'],
    ['https://[::1]/', 'loopback'],
    ['https://[::ffff:127.0.0.1]/', 'loopback'],
    ['https://[::ffff:7f00:1]/', 'loopback'],
    ['https://[64:ff9b::127.0.0.1]/', 'loopback'],
    ['https://[64:ff9b:1::1]/', 'rfc6052'],
    ['https://[::127.0.0.1]/', 'unassigned'],
    ['https://localhost/', 'loopback'],
    ['https://LOCALHOST./', 'loopback'],
    ['https://evil.localhost/', 'loopback'],
    ['https://0.0.0.0/', 'unspecified'],
    ['https://[::]/', 'unspecified'],
    ['https://10.1.2.3/', 'private'],
    ['https://172.31.255.255/', 'private'],
    ['https://192.168.0.1/', 'private'],
    ['https://100.64.0.1/', 'carrierGradeNat'],
    ['https://100.100.100.200/', 'carrierGradeNat'],
    ['https://169.254.169.254/latest/meta-data', 'linkLocal'],
    ['https://[::ffff:a9fe:a9fe]/', 'linkLocal'],
    ['https://168.63.129.16/', 'cloud platform'],
    ['https://198.18.0.1/', 'reserved'],
    ['https://240.0.0.1/', 'reserved'],
    ['https://224.0.0.1/', 'multicast'],
    ['https://255.255.255.255/', 'broadcast'],
    ['https://[fe80::1]/', 'linkLocal'],
    ['https://[fec0::1]/', 'deprecatedSiteLocal'],
    ['https://[fd00:ec2::254]/', 'uniqueLocal'],
    ['https://[ff02::1]/', 'multicast'],
    ['https://[2002:7f00:1::]/', '6to4'],
    ['https://[2001:0:1::1]/', 'teredo'],
    ['https://[2001:db8::1]/', 'reserved'],
    ['https://[4000::1]/', 'unassigned'],
  ])('refuses %s as %s', (url, reason) => {
    expect(checkEndpoint(url, closed)).toContain(reason);
  });

  it.each([
    ['http://api.example.com/', 'plain http'],
    ['ftp://api.example.com/', 'ftp:'],
    ['file:///etc/passwd', 'file:'],
    ['javascript:alert(1)', 'javascript:'],
    ['api.example.com', 'not a full URL'],
    ['', 'not a full URL'],
    ['https://', 'not a full URL'],
    ['https://./', 'names no host'],
    ['https://api.example.com:99999/', 'not a full URL'],
    ['https://api.example.com:0/', 'port 0'],
    ['https://api.example.com:22/', 'port 22'],
    ['https://api.example.com/#part', 'fragment'],
    ['https://api.example.com/#', 'fragment'],
    ['https://user@api.example.com/', 'user name'],
    ['https://:secret@api.example.com/', 'user name'],
    ['https://10.0.0.1\\@api.example.com/', 'private'],
  ])('refuses %s: %s', (url, reason) => {
    expect(checkEndpoint(url, closed)).toContain(reason);
  });

  it('repeats nothing of a URL but its host and scheme', () => {
    const urls = [
      'http://api.example.com/s3cret?key=s3cret',
      'https://s3cret:s3cret@api.example.com/',
      'https://10.0.0.1/s3cret?key=s3cret',
      'https://api.example.com:22/s3cret#s3cret',
      's3cret',
      'ftp://h/s3cret',
    ];
    for (const url of urls) {
      expect(checkEndpoint(url, closed)).toBeTypeOf('string');
      expect(checkEndpoint(url, closed)).not.toContain('s3cret');
    }
  });
});

describe('allowances', () => {
  it.each(['http://127.0.0.1:4010/token', 'https://127.0.0.1/', 'http://localhost:80', 'http://[::1]:4010'])(
    'loopback opens %s',
    (url) => {
      expect(checkEndpoint(url, loopback)).toBeUndefined();
    },
  );

  it.each([
    'http://127.0.0.2/',
    'http://0.0.0.0/',
    'http://evil.localhost/',
    'https://10.0.0.1/',
    'http://a.example/',
  ])('loopback leaves %s closed', (url) => {
    expect(checkEndpoint(url, loopback)).toBeTypeOf('string');
  });

  it.each([
    ['idp.corp', 'http://idp.corp/token'],
    ['IDP.Corp.', 'https://idp.corp:22/'],
    ['idp.corp:8080', 'http://idp.corp:8080'],
    ['idp.corp:22', 'https://idp.corp:22'],
    ['10.0.0.5', 'http://10.0.0.5:9000'],
    ['10.0.0.5:9000', 'http://10.0.0.5:9000'],
    ['10.0.0.0/8', 'http://10.200.1.1/'],
    ['10.0.0.0/8', 'http://[::ffff:10.1.1.1]/'],
    ['fd00::/8', 'http://[fd12::1]/'],
    ['[fd12::1]:8080', 'http://[fd12::1]:8080/'],
    ['::1', 'http://[::1]:1/'],
    ['localhost:4010', 'http://localhost:4010/'],
    ['bücher.example', 'http://xn--bcher-kva.example/'],
  ])('%s opens %s', (entry, url) => {
    expect(checkEndpoint(url, allowing(entry))).toBeUndefined();
    expect(checkEndpoint(url, closed)).toBeTypeOf('string');
  });

  it.each([
    ['idp.corp', 'http://x.idp.corp/'],
    ['idp.corp', 'http://idp.corp.evil.example/'],
    ['idp.corp:8080', 'http://idp.corp:8081/'],
    ['10.0.0.5:9000', 'http://10.0.0.5:9001/'],
    ['10.0.0.0/8', 'http://11.0.0.1/'],
    ['10.0.0.0/8', 'http://idp.corp/'],
    ['fd00::/8', 'http://10.0.0.1/'],
  ])('%s leaves %s closed', (entry, url) => {
    expect(checkEndpoint(url, allowing(entry))).toBeTypeOf('string');
  });

  it.each([
    '',
    ' ',
    '10/8',
    '10',
    '10.0.0.0/33',
    'a b',
    '*.corp',
    'http://corp',
    'corp/x',
    'corp:0',
    'corp:70000',
  ])('calls the entry %j unreadable', (entry) => {
    expect(checkAllowHost(entry)).toContain('is not a host name');
    expect(() => checkEndpoint('https://a.example', allowing(entry))).toThrow(
      expect.objectContaining({ code: 'config_invalid' }) as Error,
    );
  });
});
