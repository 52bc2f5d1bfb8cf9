import { findRoute, methodOf } from './schema.js';
import { type RawValue, validate } from './validate.js';

const create = methodOf('POST', '/nodes/{node}/qemu');
const check = (raw: Record<string, RawValue>) => validate(create, { node: 'n1', vmid: '100', ...raw });

describe('the check of parameters', () => {
  it.each([
    ['name', 'bad_name', 'invalid format - value does not look like a valid DNS name\n'],
    ['cores', 'two', "type check ('integer') failed - got 'two'"],
    ['cores', '0', 'value must have a minimum value of 1'],
    ['onboot', 'true', "type check ('boolean') failed - got 'true'"],
    ['onboot', '2', "type check ('boolean') failed - got '2'"],
    ['foo', '1', 'property is not defined in schema and the schema does not allow additional properties'],
    ['net32', 'virtio', 'property is not defined in schema and the schema does not allow additional properties'],
    ['net00', 'virtio', 'property is not defined in schema and the schema does not allow additional properties'],
    ['net[n]', 'virtio', 'property is not defined in schema and the schema does not allow additional properties'],
    ['vmid', '0100', 'invalid format - value does not look like a valid VM ID\n'],
    ['net0', 'virtio,bridge', 'invalid format - duplicate key in comma-separated list property: model\n'],
    [
      'net0',
      'virtio,brdge=x',
      'invalid format - format error\nnet0.brdge: property is not defined in schema and the schema does not allow additional properties\n',
    ],
    [
      'ipconfig0',
      'ip=10.0.0.1',
      'invalid format - format error\nipconfig0.ip: invalid format - value does not look like a valid ipv4 network configuration\n\n',
    ],
    ['__proto__x', '1', 'property is not defined in schema and the schema does not allow additional properties'],
  ])('refuses %s=%s with the real text', (name, value, text) => {
    const { errors } = check({ [name]: value });
    expect(errors[name]).toBe(text);
  });

  it('reports everything at once, and what is missing', () => {
    const { errors } = validate(create, { node: 'n1', cores: 'x', foo: '1' });
    expect(Object.keys(errors).sort()).toEqual(['cores', 'foo', 'vmid']);
    expect(errors.vmid).toBe('property is missing and it is not optional');
  });

  it('keeps the types Proxmox keeps: memory a text, cores a number, booleans 0 and 1', () => {
    const { parameters, errors } = check({ memory: '256', cores: '2', onboot: '1', balloon: 0 });
    expect(errors).toEqual({});
    expect(parameters).toMatchObject({ memory: '256', cores: 2, onboot: 1, balloon: 0 });
  });

  it('takes true and lists from JSON bodies', () => {
    const { parameters, errors } = check({ onboot: true, tags: ['x', 'y'] });
    expect(errors).toEqual({});
    expect(parameters).toMatchObject({ onboot: 1, tags: 'x,y' });
  });

  it('takes repeated form keys as a list where the schema has one, and refuses them elsewhere', () => {
    const exec = methodOf('POST', '/nodes/{node}/qemu/{vmid}/agent/exec');
    expect(validate(exec, { node: 'n1', vmid: '100', command: ['/bin/sh', '-c', 'a b'] }).parameters.command).toEqual([
      '/bin/sh',
      '-c',
      'a b',
    ]);
    expect(validate(exec, { node: 'n1', vmid: '100', command: '/bin/echo one' }).parameters.command).toEqual([
      '/bin/echo one',
    ]);
    expect(check({ name: ['a', 'b'] }).errors.name).toBe("type check ('string') failed - got ARRAY");
  });
});

describe('the router', () => {
  it('takes the rest of the path for a volume, slashes included', () => {
    const route = findRoute('GET', '/nodes/n1/storage/local/content/local:iso/a.iso');
    expect(route?.pathParameters).toEqual({ node: 'n1', storage: 'local', volume: 'local:iso/a.iso' });
  });

  it('knows no wrong verb and no unknown path', () => {
    expect(findRoute('PUT', '/nodes/n1/qemu/100/status/start')).toBeUndefined();
    expect(findRoute('GET', '/nodes/n1/nosuch')).toBeUndefined();
  });
});
