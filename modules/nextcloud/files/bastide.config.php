<?php
// Read by Nextcloud beside its config.php. In the site's Redis every key must begin with the prefix of this consumer
// (@PREFIX@); Nextcloud 32 has no setting for that yet, so its Redis cache gets it by a subclass.
spl_autoload_register(static function (string $class): void {
    if ($class !== 'OC\\Memcache\\BastideRedis') {
        return;
    }
    eval('namespace OC\\Memcache;
        class BastideRedis extends Redis {
            public function __construct($prefix = "", string $logFile = "") {
                parent::__construct("@PREFIX@" . $prefix, $logFile);
            }
        }');
});
$CONFIG = [
    'memcache.distributed' => '\\OC\\Memcache\\BastideRedis',
    'memcache.locking' => '\\OC\\Memcache\\BastideRedis',
];
