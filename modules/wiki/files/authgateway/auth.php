<?php

// The parent's name is not resolvable by the autoloader before its plugin is enabled.
require_once DOKU_PLUGIN . 'authldap/auth.php';

/**
 * People were signed in by the gateway before a request comes here: the headers Auth-User, Auth-Name, Auth-Mail and
 * Auth-Groups say who it is. They are believed only when the connection comes from the gateway's own address; anybody
 * else is nobody. There is no sign-in by password in the wiki. The parent looks people up in the directory (for
 * subscriptions, the user list and access rules); its settings are those of the plugin authldap.
 *
 * Settings: $conf['plugin']['authgateway']['peer'] (address of the gateway) and ['logout'] (address of the portal).
 */
class auth_plugin_authgateway extends auth_plugin_authldap
{
    public function __construct()
    {
        parent::__construct();
        $this->cando['external'] = true;
        $this->cando['logout'] = true;
        $this->cando['modPass'] = false;
    }

    /** @inheritdoc The answer is final: null would make DokuWiki try a password instead. */
    public function trustExternal($user, $pass, $sticky = false)
    {
        global $USERINFO, $conf, $INPUT;

        $name = $this->header('HTTP_AUTH_USER');
        if (($_SERVER['REMOTE_ADDR'] ?? '') !== $this->setting('peer') || !preg_match('/^[a-z0-9][a-z0-9._-]*$/', $name)) {
            // PHP may hold a name from an Authorization header here, which nobody has checked.
            $INPUT->server->remove('REMOTE_USER');
            unset($_SERVER['REMOTE_USER'], $_SESSION[DOKU_COOKIE]['auth']);
            $USERINFO = null;
            return false;
        }
        $groups = array_filter(array_map('trim', explode(',', $this->header('HTTP_AUTH_GROUPS'))), 'strlen');
        $USERINFO = [
            'name' => $this->header('HTTP_AUTH_NAME') ?: $name,
            'mail' => $this->header('HTTP_AUTH_MAIL'),
            'grps' => array_values(array_unique(array_merge([$conf['defaultgroup']], $groups))),
        ];
        $INPUT->server->set('REMOTE_USER', $name);
        $_SESSION[DOKU_COOKIE]['auth']['user'] = $name;
        $_SESSION[DOKU_COOKIE]['auth']['pass'] = '';
        $_SESSION[DOKU_COOKIE]['auth']['info'] = $USERINFO;
        return true;
    }

    /** @inheritdoc */
    public function checkPass($user, $pass)
    {
        return false;
    }

    /** Signing out of the wiki is signing out of the portal: the gateway would sign the person in again at once. */
    public function logOff()
    {
        global $ACT;
        if (PHP_SAPI !== 'cli' && is_string($ACT) && $ACT === 'logout') {
            send_redirect($this->setting('logout'));
        }
    }

    /** @inheritdoc Settings of the parent stay where its documentation says. */
    public function getConf($setting, $notset = false)
    {
        global $conf;
        if (isset($conf['plugin']['authldap'][$setting])) {
            return $conf['plugin']['authldap'][$setting];
        }
        static $defaults = null;
        if ($defaults === null) {
            $defaults = (static function () {
                $conf = [];
                include DOKU_PLUGIN . 'authldap/conf/default.php';
                return $conf;
            })();
        }
        return $defaults[$setting] ?? $notset;
    }

    private function setting($key)
    {
        global $conf;
        return (string) ($conf['plugin']['authgateway'][$key] ?? '');
    }

    private function header($key)
    {
        $value = $_SERVER[$key] ?? '';
        return is_string($value) ? trim($value) : '';
    }
}
