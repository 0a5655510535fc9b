# SPDX-License-Identifier: Apache-2.0
# Entra ID's service, as script/entra-cycle plays it, in both dialects.
use strict;
use warnings;
use lib 't/lib';
use Scim::Test;
use Scim::Entra;

for my $dialect (['without the flag', ''], ['with the flag', '?aadOptscim062020'],
                 ['with the flag behind a slash', '/?aadOptscim062020']) {
    my ($name, $suffix) = @$dialect;
    my $org = organization();
    my $entra = Scim::Entra->new(url => $org->url . $suffix, token => $org->{token});
    ok $entra->run(Scim::Entra::demonstration('example.com')), "EX3-EX10 $name: every step succeeds"
        or diag explain [grep { $_->{result} ne 'success' } @{ $entra->{rows} }];
    my @accounts = sql('SELECT user_name, role, active, display_name, external_id IS NOT NULL,
        provisioned_at IS NOT NULL FROM scim.account WHERE organization_id = $1
        AND id <> $2 ORDER BY user_name', $org->{id}, $org->{issuer});
    is_deeply \@accounts,
        [['hanako.suzuki@example.com', 'ADMIN', 't', 'Hanako Suzuki', 't', 't'],
         ['taro.yamada@example.com', 'ADMIN', 't', 'Taro Y.', 't', 't']],
        "EX3-EX10 $name: the accounts are what the directory says";
    my ($manager) = sql(q{SELECT attributes -> 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'
        -> 'manager' ->> 'value' = (SELECT id::text FROM scim.account b WHERE b.organization_id = $1
        AND user_name LIKE 'hanako%') FROM scim.account a WHERE organization_id = $1
        AND user_name LIKE 'taro%'}, $org->{id});
    is $manager->[0], 't', "E36 $name: the manager is linked";
}

my $org = organization();
my $entra = Scim::Entra->new(url => $org->url, token => 'scim_wrong');
ok !eval { $entra->run(Scim::Entra::demonstration('example.com')); 1 }, 'EX12: a wrong token stops the job';
is $entra->{rows}[0]{status}, 401, 'EX2: and the log says 401';
done_testing;
