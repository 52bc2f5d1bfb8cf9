# Text on stdin; on stdout the same with every name at or below the old domain put below the new one. Arguments: the old
# domain, the new one. Whole names alone: a.example is in neither xa.example nor a.example.org. May be done twice, also
# where the new domain lies in the old one.
use strict;
use warnings;

my ($from, $to) = splice @ARGV, 0, 2;
my $within = $to =~ /\.\Q$from\E$/;
while (<STDIN>) {
  s{(?<![A-Za-z0-9_.-])((?:[A-Za-z0-9_-]+\.)*)\Q$from\E(?![A-Za-z0-9-]|\.[A-Za-z0-9])}{
    my ($name, $before) = ($&, $1);
    $within && $name =~ /(?:^|\.)\Q$to\E$/i ? $name : "$before$to"
  }gie;
  print;
}
