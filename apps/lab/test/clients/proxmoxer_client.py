"""Drives a lab with proxmoxer, as its documentation shows. Arguments: host:port, user@realm, password, CA file."""
import sys
import time

from proxmoxer import ProxmoxAPI, ResourceException

host, user, password, ca = sys.argv[1:5]
TEMPLATE = "local:vztmpl/debian-12-bastide_12.0-1_amd64.tar.zst"


def wait(proxmox, upid):
    node = upid.split(":")[1]
    for _ in range(600):
        status = proxmox.nodes(node).tasks(upid).status.get()
        if status["status"] == "stopped":
            return status["exitstatus"]
        time.sleep(0.05)
    raise RuntimeError("task did not end: " + upid)


proxmox = ProxmoxAPI(host, user=user, password=password, verify_ssl=ca)
assert proxmox.version.get()["release"] == "9.2"
node = proxmox.nodes.get()[0]["node"]
vmid = int(proxmox.cluster.nextid.get())
assert wait(proxmox, proxmox.nodes(node).lxc.create(
    vmid=vmid, ostemplate=TEMPLATE, hostname="moxer", rootfs="local-zfs:1", features="nesting=1",
    net0="name=eth0,bridge=vmbr0,ip=dhcp")) == "OK"
guest = proxmox.nodes(node).lxc(vmid)
guest.config.put(memory=256, description="by proxmoxer")
assert guest.config.get()["memory"] == 256
assert wait(proxmox, guest.status.start.post()) == "OK"
assert guest.status.current.get()["status"] == "running"
assert wait(proxmox, guest.snapshot.post(snapname="one")) == "OK"
assert [one["name"] for one in guest.snapshot.get()] == ["one", "current"]
assert wait(proxmox, guest.status.stop.post()) == "OK"
assert any(one["vmid"] == vmid for one in proxmox.cluster.resources.get(type="vm"))

try:
    proxmox.nodes(node).lxc(vmid).config.put(onboot=True)
    raise AssertionError("proxmoxer sends True as a word, which must be refused")
except ResourceException as error:
    assert error.status_code == 400, error
    # proxmoxer 1.2 (Debian 12) loses the errors of the body, newer ones show them.
    assert error.errors in (None, {"onboot": "type check ('boolean') failed - got 'True'"}), error.errors

with open(__file__.replace(".py", ".iso"), "wb") as image:
    image.write(b"not really an image" * 1000)
try:
    with open(__file__.replace(".py", ".iso"), "rb") as image:
        assert wait(proxmox, proxmox.nodes(node).storage("local").upload.create(content="iso", filename=image)) == "OK"
finally:
    import os
    os.remove(__file__.replace(".py", ".iso"))
volids = [one["volid"] for one in proxmox.nodes(node).storage("local").content.get(content="iso")]
assert volids == ["local:iso/proxmoxer_client.iso"], volids

assert wait(proxmox, guest.delete(purge=1)) == "OK"
assert proxmox.nodes(node).lxc.get() == []
print("proxmoxer: done")
