<?php
// Writes, renders and deletes a page with the wiki's real settings but its files in a throw-away folder, and looks a
// person up in the directory. argv: folder with conf/ and data/. Prints one line; exit code 0 means both work.
define('DOKU_INC', '/usr/share/dokuwiki/');
define('DOKU_CONF', $argv[1] . '/conf/');
define('NOSESSION', 1);
$_SERVER['REMOTE_ADDR'] = '127.0.0.1';
$_SERVER['HTTP_HOST'] = 'localhost';
require DOKU_INC . 'inc/init.php';
// Without a session DokuWiki does not load the plugin that knows the directory by itself.
auth_setup();

global $auth, $conf, $ID;
if (strpos($conf['savedir'], $argv[1]) !== 0) {
    fwrite(STDERR, "the check would have written into the wiki itself\n");
    exit(2);
}
$ID = 'check:page';
$proof = bin2hex(random_bytes(8));
saveWikiText($ID, "====== $proof ======\n\n**bold $proof**", 'check');
clearstatcache();
$html = p_wiki_xhtml($ID);
if (strpos(rawWiki($ID), $proof) === false || strpos($html, "<strong>bold $proof</strong>") === false) {
    fwrite(STDERR, "a page that was saved cannot be read back\n");
    exit(3);
}
saveWikiText($ID, '', 'check');
if (page_exists($ID)) {
    fwrite(STDERR, "a page cannot be deleted\n");
    exit(3);
}
if (!$auth || !$auth->retrieveUsers(0, 1)) {
    fwrite(STDERR, "nobody is found in the directory\n");
    exit(4);
}
echo "a page was saved, rendered and deleted; the directory answers\n";
