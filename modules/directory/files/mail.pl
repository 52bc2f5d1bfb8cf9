# Entries with their mail addresses (LDIF, unwrapped) on stdin; the changes that put them below another domain on stdout.
# Arguments: the old domain, the new one. An address that is below the new one stays, also where that lies in the old one.
use strict;
use warnings;

my ($from, $to) = @ARGV;
local $/ = "";
while (my $entry = <STDIN>) {
  my ($dn) = $entry =~ /^(dn::? .*)$/m or next;
  my (@mails, %seen, $changed);
  while ($entry =~ /^mail: (.*)$/mg) {
    my $mail = $1;
    unless ($mail =~ /[@.]\Q$to\E$/i && length $to > length $from) {
      $changed = 1 if $mail =~ s/(?<=[@.])\Q$from\E$/$to/i;
    }
    push @mails, $mail unless $seen{lc $mail}++;
  }
  print "$dn\nchangetype: modify\nreplace: mail\n", (map { "mail: $_\n" } @mails), "\n" if $changed;
}
