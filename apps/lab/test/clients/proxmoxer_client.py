"""Drives a lab with proxmoxer, as its documentation shows. Arguments: host:port, user@realm, password, CA file, token
`user@realm!name=secret`, folder for files."""
import base64
import hashlib
import hmac
import os
import struct
import sys
import time

import proxmoxer
from proxmoxer import ProxmoxAPI, ResourceException

host, user, password, ca, token, folder = sys.argv[1:7]
TEMPLATE = "local:vztmpl/debian-12-bastide_12.0-1_amd64.tar.zst"
NEW = tuple(int(part) for part in proxmoxer.__version__.split(".")[:1]) >= (2,)


def wait(proxmox, upid):
    if NEW:
        from proxmoxer.tools import Tasks

        decoded = Tasks.decode_upid(upid)
        assert decoded["node"] == upid.split(":")[1] and decoded["user"].startswith("root@pam"), decoded
        status = Tasks.blocking_status(proxmox, upid, timeout=60, polling_interval=0.05)
        assert status is not None, "task did not end: " + upid
        log = Tasks.decode_log(proxmox.nodes(decoded["node"]).tasks(upid).log.get())
        assert "TASK" in log.splitlines()[-1], log
        return status["exitstatus"]
    node = upid.split(":")[1]
    for _ in range(600):
        status = proxmox.nodes(node).tasks(upid).status.get()
        if status["status"] == "stopped":
            return status["exitstatus"]
        time.sleep(0.05)
    raise RuntimeError("task did not end: " + upid)


def refused(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except ResourceException as error:
        return error
    raise AssertionError("nothing was refused")


def container_of(proxmox):
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
    # Python's booleans go out as words.
    error = refused(proxmox.nodes(node).lxc(vmid).config.put, onboot=True)
    assert error.status_code == 400, error
    # proxmoxer 1.2 (Debian 12) loses the errors of the body, newer ones show them.
    assert error.errors in (None, {"onboot": "type check ('boolean') failed - got 'True'"}), error.errors
    assert wait(proxmox, guest.delete(purge=1)) == "OK"
    assert proxmox.nodes(node).lxc.get() == []


def machine_of(proxmox):
    """In the other spellings: `node.post`, a path in one string, `proxmox("…")`."""
    node = proxmox.nodes("lab1")
    assert wait(proxmox, node.qemu.create(vmid=900, name="moxer", memory=512, net0="virtio,bridge=vmbr0", ostype="l26",
                                          scsihw="virtio-scsi-pci", scsi0="local-zfs:1")) == "OK"
    assert proxmox.get("nodes/lab1/qemu/900/config")["name"] == "moxer"
    assert wait(proxmox, node.qemu(900).resize.put(disk="scsi0", size="+1G")) == "OK"
    assert "size=2G" in node.qemu("900").config.get()["scsi0"]
    assert wait(proxmox, node.qemu(900).clone.post(newid=901, name="copy", full=1)) == "OK"
    for one in proxmox.cluster.resources.get(type="vm"):
        assert one["type"] == "qemu" and one["node"] == "lab1", one
    recent = node.tasks.get(typefilter="qmclone", limit=5, start=0)
    assert {one["status"] for one in recent} == {"OK"}, recent
    assert refused(node.qemu(999).config.get).status_code == 500
    for vmid in (901, 900):
        assert wait(proxmox, node.qemu(vmid).delete(**{"destroy-unreferenced-disks": 1})) == "OK"


def files_of(proxmox):
    path = os.path.join(folder, "proxmoxer.iso")
    with open(path, "wb") as image:
        image.write(b"not really an image" * 1000)
    storage = proxmox.nodes("lab1").storage("local")
    with open(path, "rb") as image:
        assert wait(proxmox, storage.upload.create(content="iso", filename=image)) == "OK"
    found = storage.content.get(content="iso")
    assert [(one["volid"], one["size"]) for one in found] == [("local:iso/proxmoxer.iso", 19000)], found
    storage.content("local:iso/proxmoxer.iso").delete()
    if NEW:
        from proxmoxer.tools import Files

        done = Files(proxmox, "lab1", "local").upload_local_file_to_storage(
            path, do_checksum_check=True, blocking_status=True)
        assert done["exitstatus"] == "OK", done
        assert [one["volid"] for one in storage.content.get(content="iso")] == ["local:iso/proxmoxer.iso"]
        storage.content("local:iso/proxmoxer.iso").delete()


def one_time(secret):
    counter = struct.pack(">Q", int(time.time()) // 30)
    mac = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    offset = mac[-1] & 15
    return "%06d" % ((struct.unpack(">I", mac[offset:offset + 4])[0] & 0x7FFFFFFF) % 10**6)


def second_factor_of(proxmox):
    secret = "JBSWY3DPEHPK3PXP"
    proxmox.access.users.create(userid="otp@pve", password="secret123")
    uri = "otpauth://totp/lab:otp%40pve?secret=" + secret
    made = proxmox.access.tfa("otp@pve").create(type="totp", description="phone", totp=uri, value=one_time(secret))
    otp = "totp:" + one_time(secret)
    opened = ProxmoxAPI(host, user="otp@pve", password="secret123", otp=otp, verify_ssl=ca)
    assert [one["id"] for one in opened.access.tfa("otp@pve").get()] == [made["id"]]
    try:
        ProxmoxAPI(host, user="otp@pve", password="secret123", verify_ssl=ca).access.tfa.get()
        raise SystemExit("the second factor was not asked for")
    except (AuthenticationError, ResourceException):
        pass
    proxmox.access.users("otp@pve").delete()
    assert proxmox.access.tfa.get() == []


by_password = ProxmoxAPI(host, user=user, password=password, verify_ssl=ca)
# The older one loads it with the first session.
AuthenticationError = getattr(proxmoxer, "AuthenticationError", None) or proxmoxer.backends.https.AuthenticationError
assert by_password.version.get()["release"] == "9.2"
ticket, csrf = by_password.get_tokens()
assert ticket.startswith("PVE:root@pam:") and csrf, ticket
name, secret = token.split("=")
by_token = ProxmoxAPI(host, user=user, token_name=name.split("!")[1], token_value=secret, verify_ssl=ca)
for proxmox in (by_password, by_token):
    container_of(proxmox)
    machine_of(proxmox)
    files_of(proxmox)
second_factor_of(by_password)
try:
    ProxmoxAPI(host, user=user, password="wrong", verify_ssl=ca)
    raise SystemExit("a wrong password was taken")
except AuthenticationError:
    pass
print("proxmoxer: done")
