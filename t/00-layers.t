# The house of DESIGN.md section 4: includes point downwards only, and each
# library of the world below has one owner.
use strict;
use warnings;
use lib 't/lib';
use Scim::Process;
use Test::More;

my @layers = (
    [qw(scim_error scim_text scim_json scim_etag scim_filter scim_match scim_cache scim_rate scim_places scim_work)],
    [qw(scim_schema scim_schema_user scim_schema_role scim_normalise scim_shape scim_projection scim_patch scim_query scim_discovery)],
    [qw(scim_digest scim_wait scim_pool scim_db scim_prepared scim_version scim_statements)],
    [qw(scim_users scim_names scim_size scim_users_list scim_roles scim_tokens scim_events scim_cursor scim_call scim_resources scim_bulk scim_activity scim_members scim_people scim_feed)],
    [qw(mod_scim scim_config scim_admin scim_gate scim_gate_config scim_endpoints scim_http scim_tls scim_door scim_headers scim_limits scim_log scimctl scimctl_csv scimctl_print scimctl_run scimctl_import scimctl_activity scimctl_events scimctl_relay)],
);
my %layer = map { my $i = $_; map { $_ => $i } @{ $layers[$i] } } 0 .. $#layers;

# Header => the files that may include it.
my %owner = (
    qr/^libpq-fe\.h$/ => qr/^scim_(?:db|wait)\.c$/,
    qr/^mod_dbd\.h$/ => qr/^scim_pool\.c$/,
    qr/^unicode\// => qr/^scim_text\.c$/,
    qr/^openssl\// => qr/^(?:scim_digest|scim_tokens|scim_cursor|scimctl_relay)\.c$/,
    qr/^curl\// => qr/^scimctl_relay\.c$/,
    qr/^(?:httpd|http_\w+|ap_\w+|util_\w+)\.h$/ => qr/^(?:mod_scim|scim_config|scim_admin|scim_gate|scim_gate_config|scim_endpoints|scim_http|scim_tls|scim_door|scim_headers|scim_limits|scim_pool)\.[ch]$/,
);

my (@upwards, @unknown, @foreign);
for my $file (sort glob '*.c *.h') {
    (my $name = $file) =~ s/\.[ch]$//;
    push @unknown, $file unless defined $layer{$name};
    open my $in, '<', $file or die "$file: $!";
    while (<$in>) {
        if (/^#\s*include "(\w+)\.h"/) {
            my $included = $1;
            push @upwards, "$file includes $included.h" if ($layer{$included} // 99) > ($layer{$name} // 0);
        }
        elsif (my ($header) = /^#\s*include <([^>]+)>/) {
            for my $library (keys %owner) {
                push @foreign, "$file includes $header" if $header =~ $library && $file !~ $owner{$library};
            }
        }
    }
}
is_deeply \@unknown, [], 'every source has its place in the house';
is_deeply \@upwards, [], 'no include points upwards';
is_deeply \@foreign, [], 'libpq, mod_dbd, ICU, OpenSSL and httpd are known to their owners alone';

# libscim, layers 0 and 1, is usable without a server.
my $undefined = Scim::Process::run(['nm', '-u', '.libs/libscim.a'])->{out};
my @httpd = $undefined =~ /\b(?:ap_|PQ|dbd_)\w+/g;
ok -e '.libs/libscim.a', 'libscim is built';
is_deeply \@httpd, [], 'layers 0 and 1 need neither httpd nor PostgreSQL';
done_testing;
