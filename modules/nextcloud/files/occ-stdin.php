<?php
// Runs one command of Nextcloud's occ whose arguments arrive on stdin as JSON ({"args": [...], "env": {...}}): what
// stands in argv or in the environment of a process can be read by others on the guest, and some arguments are secrets.
$call = json_decode(stream_get_contents(STDIN), true, 8, JSON_THROW_ON_ERROR);
foreach ($call['env'] ?? [] as $name => $value) {
    putenv("$name=$value");
    $_ENV[$name] = $value;
}
$_SERVER['argv'] = array_merge(['occ'], $call['args']);
$_SERVER['argc'] = count($_SERVER['argv']);
$argv = $_SERVER['argv'];
$argc = $_SERVER['argc'];
chdir('/opt/nextcloud/current');
require '/opt/nextcloud/current/console.php';
