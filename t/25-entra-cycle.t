# SPDX-License-Identifier: Apache-2.0
# Entra ID's service, as script/entra-cycle plays it, in both dialects, with groups
# matched by either attribute.
use strict;
use warnings;
use lib 't/lib';
use Scim::Process;
use Scim::Test;
use Scim::Entra;

# The groups as [displayName, externalId, names of members].
sub groups_of {
    my ($org) = @_;
    return [sql(q{SELECT g.display_name, g.external_id,
        (SELECT string_agg(m.display, ', ' ORDER BY m.display) FROM scim.members_of(g.organization_id, g.id) m)
        FROM scim.user_group g WHERE organization_id = $1 ORDER BY g.display_name}, $org->{id})];
}

sub plays {
    my ($org, $name, %option) = @_;
    my $entra = Scim::Entra->new(url => $org->url, token => $org->{token}, %option);
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
    return $entra;
}

for my $dialect (['without the flag', ''], ['with the flag', '?aadOptscim062020'],
                 ['with the flag behind a slash', '/?aadOptscim062020']) {
    my ($how, $suffix) = @$dialect;
    for my $match ('displayName', 'externalId') {
        my $name = "$how, groups by $match";
        my $org = organization();
        my $entra = plays($org, $name, url => $org->url . $suffix, match_groups => $match);
        is_deeply groups_of($org),
            [['Everybody', '4e65d4d6-c16e-4dc2-b2dc-b7a708e21823', 'Hanako Suzuki, Sales EMEA'],
             ['Sales EMEA', '3d54c3c5-b05d-4cb1-a1cb-a696f7d10712', 'Taro Y.']],
            "$name: a group is in another one, one is renamed, one is deleted, and so is a member";
        is_deeply [grep { $_->{action} =~ / member$/ && $_->{status} ne '204' } @{ $entra->{rows} }], [],
            "$name: a change of members is answered without a body";
    }
}

my $org = organization();
my $entra = plays($org, 'with groups switched off', groups => 0);
is_deeply groups_of($org), [], 'with groups switched off there are none';
is_deeply [grep { $_->{target} =~ /Sales|Everybody|Project/ } @{ $entra->{rows} }], [],
    'and nothing is sent about them';

$org = organization();
$entra = Scim::Entra->new(url => $org->url, token => 'scim_wrong');
ok !eval { $entra->run(Scim::Entra::demonstration('example.com')); 1 }, 'EX12: a wrong token stops the job';
is $entra->{rows}[0]{status}, 401, 'EX2: and the log says 401';

# The command
sub command {
    return Scim::Process::run([$^X, 'script/entra-cycle', '--url', $org->url, '--token', $org->{token}, @_]);
}
my $done = command('--match-groups', 'externalId');
is $done->{status}, 0, 'script/entra-cycle plays the demonstration' or diag $done->{out}, $done->{err};
like $done->{out}, qr/^Add member +Sales: taro\.yamada\@example\.com +204 +success/m,
    'and prints what happens to groups';
unlike command('--no-groups')->{out}, qr/Sales/, '--no-groups leaves them out';
is command('--match-groups', 'members')->{status}, 2, 'another matching attribute is an error';
done_testing;
