import type { Language } from '../account/account.js';
import type { EventKind, Severity } from './event.js';

type Facts = { readonly [name: string]: string | number };

/** What a message needs of a language. */
export interface Words {
  readonly severity: Readonly<Record<Severity, string>>;
  readonly event: Readonly<Record<EventKind, (facts: Facts) => string>>;
  readonly operation: { readonly [operation: string]: string };
  /** Several events in one message. */
  readonly many: (count: number) => string;
  readonly more: (count: number) => string;
  readonly site: string;
  readonly look: string;
  readonly test: { readonly subject: string; readonly line: string };
  readonly footer: (target: string) => string;
}

const days = (facts: Facts): number => Number(facts['days']);
const percent = (facts: Facts): number => Number(facts['percent']);
const reason = (facts: Facts): string => (facts['step'] === undefined ? '' : ` ${facts['step']}: ${facts['message']}`);

const en: Words = {
  severity: { info: 'info', warning: 'warning', error: 'error' },
  operation: { install: 'installation', change: 'change', remove: 'removal' },
  event: {
    'run-succeeded': (f) => `The ${f['operation']} of ${f['stack']} is done.`,
    'run-failed': (f) => `The ${f['operation']} of ${f['stack']} has failed.${reason(f)}`,
    'run-waiting': (f) =>
      `The ${f['operation']} of ${f['stack']} ended halfway and waits for a decision: retry, undo or leave it.`,
    'stack-unhealthy': (f) => `${f['stack']} does not work: the check of ${f['parts']} fails.`,
    'stack-healthy': (f) => `${f['stack']} works again.`,
    'drift-found': (f) => `${f['stack']} was changed by hand: ${f['guests']}.`,
    'certificate-expiring': (f) =>
      days(f) < 0
        ? `The certificate ${f['name']} has expired.`
        : `The certificate ${f['name']} expires in ${days(f)} days.`,
    'certificate-failed': (f) =>
      `The control plane’s certificate could not be renewed; the old one is still served. ${f['message']}`,
    'account-locked': (f) =>
      f['account'] === undefined
        ? `Too many failed log-ins from ${f['address']}; further tries have to wait.`
        : `Too many failed log-ins as ${f['account']} from ${f['address']}; further tries have to wait.`,
    'new-device': (f) =>
      `${f['account']} has signed in from ${f['address']} with something that was not seen before: ${f['program'] || 'unnamed'}. If that was not ${f['account']}, end the session under Settings, Sessions, and choose a new password; an admin can reset it.`,
    'worker-missing': (f) =>
      f['worker'] === undefined
        ? 'No worker is running: nothing that is planned will be carried out.'
        : `The worker ${f['worker']} gives no sign of life.`,
    'disk-low': (f) => `The disk of the control plane on ${f['host']} is nearly full: ${percent(f)} % are free.`,
    'audit-broken': (f) =>
      `The audit does not verify: row ${f['row']} was changed or is missing. Somebody has changed the record.`,
  },
  many: (count) => `${count} events`,
  more: (count) => `… and ${count} more.`,
  site: 'Site',
  look: 'Look',
  test: { subject: 'Test', line: 'This is a test: notifications arrive here.' },
  footer: (target) => `Sent by Bastide, notification target ${target}.`,
};

const de: Words = {
  severity: { info: 'Hinweis', warning: 'Warnung', error: 'Fehler' },
  operation: { install: 'Installation', change: 'Änderung', remove: 'Entfernung' },
  event: {
    'run-succeeded': (f) => `Die ${f['operation']} von ${f['stack']} ist abgeschlossen.`,
    'run-failed': (f) => `Die ${f['operation']} von ${f['stack']} ist fehlgeschlagen.${reason(f)}`,
    'run-waiting': (f) =>
      `Die ${f['operation']} von ${f['stack']} ist auf halbem Weg stehen geblieben und wartet auf eine Entscheidung: wiederholen, zurücknehmen oder so lassen.`,
    'stack-unhealthy': (f) => `${f['stack']} funktioniert nicht: Die Prüfung von ${f['parts']} schlägt fehl.`,
    'stack-healthy': (f) => `${f['stack']} funktioniert wieder.`,
    'drift-found': (f) => `${f['stack']} wurde von Hand verändert: ${f['guests']}.`,
    'certificate-expiring': (f) =>
      days(f) < 0
        ? `Das Zertifikat ${f['name']} ist abgelaufen.`
        : `Das Zertifikat ${f['name']} läuft in ${days(f)} Tagen ab.`,
    'certificate-failed': (f) =>
      `Das Zertifikat der Steuerung konnte nicht erneuert werden; das alte wird weiter verwendet. ${f['message']}`,
    'account-locked': (f) =>
      f['account'] === undefined
        ? `Zu viele fehlgeschlagene Anmeldungen von ${f['address']}; weitere Versuche müssen warten.`
        : `Zu viele fehlgeschlagene Anmeldungen als ${f['account']} von ${f['address']}; weitere Versuche müssen warten.`,
    'new-device': (f) =>
      `${f['account']} hat sich von ${f['address']} aus mit etwas angemeldet, das bisher nicht bekannt war: ${f['program'] || 'ohne Namen'}. War das nicht ${f['account']}, dann die Sitzung unter Einstellungen, Sitzungen beenden und ein neues Passwort wählen; ein Admin kann es zurücksetzen.`,
    'worker-missing': (f) =>
      f['worker'] === undefined
        ? 'Es läuft kein Worker: Nichts von dem, was geplant ist, wird ausgeführt.'
        : `Der Worker ${f['worker']} gibt kein Lebenszeichen.`,
    'disk-low': (f) => `Der Datenträger der Steuerung auf ${f['host']} ist fast voll: ${percent(f)} % sind noch frei.`,
    'audit-broken': (f) =>
      `Das Protokoll ist nicht unversehrt: Zeile ${f['row']} wurde verändert oder fehlt. Jemand hat die Aufzeichnung verändert.`,
  },
  many: (count) => `${count} Ereignisse`,
  more: (count) => `… und ${count} weitere.`,
  site: 'Standort',
  look: 'Ansehen',
  test: { subject: 'Test', line: 'Dies ist ein Test: Benachrichtigungen kommen hier an.' },
  footer: (target) => `Gesendet von Bastide, Benachrichtigungsziel ${target}.`,
};

const fr: Words = {
  severity: { info: 'information', warning: 'avertissement', error: 'erreur' },
  operation: { install: 'installation', change: 'modification', remove: 'suppression' },
  event: {
    'run-succeeded': (f) => `Terminé sans erreur : ${f['operation']} de ${f['stack']}.`,
    'run-failed': (f) => `Échec : ${f['operation']} de ${f['stack']}.${reason(f)}`,
    'run-waiting': (f) =>
      `Interrompu en chemin : ${f['operation']} de ${f['stack']}. Une décision est attendue : réessayer, annuler ou laisser en l’état.`,
    'stack-unhealthy': (f) => `${f['stack']} ne fonctionne pas : la vérification de ${f['parts']} échoue.`,
    'stack-healthy': (f) => `${f['stack']} fonctionne de nouveau.`,
    'drift-found': (f) => `${f['stack']} a été modifié à la main : ${f['guests']}.`,
    'certificate-expiring': (f) =>
      days(f) < 0 ? `Le certificat ${f['name']} a expiré.` : `Le certificat ${f['name']} expire dans ${days(f)} jours.`,
    'certificate-failed': (f) =>
      `Le certificat du plan de contrôle n’a pas pu être renouvelé ; l’ancien reste en service. ${f['message']}`,
    'account-locked': (f) =>
      f['account'] === undefined
        ? `Trop d’échecs de connexion depuis ${f['address']} ; les prochains essais doivent attendre.`
        : `Trop d’échecs de connexion au compte ${f['account']} depuis ${f['address']} ; les prochains essais doivent attendre.`,
    'new-device': (f) =>
      `${f['account']} s’est connecté depuis ${f['address']} avec un appareil ou un programme jamais vu : ${f['program'] || 'sans nom'}. Si ce n’était pas ${f['account']}, terminez la session sous Réglages, Sessions, et choisissez un nouveau mot de passe ; un administrateur peut le réinitialiser.`,
    'worker-missing': (f) =>
      f['worker'] === undefined
        ? 'Aucun worker ne tourne : rien de ce qui est prévu ne sera exécuté.'
        : `Le worker ${f['worker']} ne donne plus signe de vie.`,
    'disk-low': (f) =>
      `Le disque du plan de contrôle sur ${f['host']} est presque plein : il reste ${percent(f)} % de libre.`,
    'audit-broken': (f) =>
      `Le journal d’audit n’est pas intact : la ligne ${f['row']} a été modifiée ou manque. Quelqu’un a touché à l’enregistrement.`,
  },
  many: (count) => `${count} événements`,
  more: (count) => `… et ${count} autres.`,
  site: 'Site',
  look: 'Voir',
  test: { subject: 'Essai', line: 'Ceci est un essai : les notifications arrivent ici.' },
  footer: (target) => `Envoyé par Bastide, destination de notification ${target}.`,
};

export const WORDS: Readonly<Record<Language, Words>> = { en, de, fr };
