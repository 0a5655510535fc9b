# SPDX-License-Identifier: Apache-2.0
# A folder is a layer: includes point downwards only, and each foreign library has one
# owner.
use strict;
use warnings;
use lib 't/lib';
use File::Basename qw(basename dirname);
use Scim::Process;
use Test::More;

# The files at the top belong to a layer, too.
my %layer = (
    values => 0, 'scim_filter' => 0,
    rules => 1,
    storage => 2,
    resources => 3, 'scim_users' => 3, 'scim_roles' => 3, 'scim_groups' => 3, 'scim_tokens' => 3,
    httpd => 4, scimctl => 4, 'mod_scim' => 4,
);
sub layer_of {
    my ($file) = @_;
    my $folder = dirname($file);
    return $layer{ $folder eq '.' ? basename($file) =~ s/\.[ch]$//r : $folder };
}

# Header => the files that may include it.
my %owner = (
    qr/^libpq-fe\.h$/ => qr{^storage/scim_(?:db_parts\.h|wait\.c|conninfo\.c)$},
    qr/^mod_dbd\.h$/ => qr{^storage/scim_pool\.c$},
    qr/^unicode\// => qr{^values/scim_text(?:_grams)?\.c$},
    qr/^openssl\// => qr{^(?:storage/scim_digest|scim_tokens|resources/scim_cursor|scimctl/scimctl_(?:relay|password))\.c$},
    qr/^curl\// => qr{^scimctl/scimctl_relay\.c$},
    qr/^(?:httpd|http_\w+|ap_\w+|util_\w+)\.h$/ => qr{^(?:mod_scim\.c|httpd/\w+\.[ch]|storage/scim_pool\.c)$},
);

# What can be done with Users, Roles and Groups is known by scim_resource.h.
my $TYPES = qr{^scim_(?:users|roles|groups)\.h$};
my $MAY_KNOW = qr{^(?:scim_(?:users|roles|groups)\.[ch]|scimctl/.*)$};

my (@upwards, @unknown, @foreign, @typed);
for my $file (sort glob '*.[ch] {httpd,resources,rules,scimctl,storage,values}/*.[ch]') {
    my $layer = layer_of($file);
    push @unknown, $file unless defined $layer;
    open my $in, '<', $file or die "$file: $!";
    while (<$in>) {
        if (my ($included) = /^#\s*include "(.*)"/) {
            push @unknown, "$included, included by $file" unless -e $included;
            push @typed, "$file includes $included" if $included =~ $TYPES && $file !~ $MAY_KNOW;
            push @upwards, "$file includes $included" if (layer_of($included) // 99) > ($layer // 0);
            push @foreign, "$file includes $included" if $included =~ /scim_db_parts/ && $file !~ m{^storage/scim_db};
            push @foreign, "$file includes $included" if $included =~ /statement_texts/ && $file ne 'storage/scim_statements.c';
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
is_deeply \@typed, [], 'resource types are known as values';
is_deeply \@foreign, [], 'libpq, mod_dbd, ICU, OpenSSL, httpd and the texts of statements are known to their owners alone';

# libscim, layers 0 and 1, is usable without a server.
my $undefined = Scim::Process::run(['nm', '-u', '.libs/libscim.a'])->{out};
my @httpd = $undefined =~ /\b(?:ap_|PQ|dbd_)\w+/g;
ok -e '.libs/libscim.a', 'libscim is built';
is_deeply \@httpd, [], 'layers 0 and 1 need neither httpd nor PostgreSQL';
done_testing;
