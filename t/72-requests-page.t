# SPDX-License-Identifier: Apache-2.0
# Requests on the settings page: what a person sees of each, filters, older ones;
# accessible, in both languages, at every width; hostile and long names.
use strict;
use warnings;
use utf8;
use lib 't/lib';
use Scim::Browser;
use Scim::Test;

my ($org, $empty) = map { organization() } 1, 2;
my $japanese = $org->create(userName => 'hanako.sato@example.com', displayName => '佐藤 花子',
    preferredLanguage => 'ja-JP', roles => [{ value => 'ADMIN', primary => TRUE }]);
my $long = $org->create(userName => 'n' x 200 . '@example.com');
my ($group) = @{ (sql(q{INSERT INTO scim.user_group (organization_id, display_name) VALUES ($1, 'Sales') RETURNING id}, $org->{id}))[0] };

# Rows as the log has them, one a minute, before now.
my $minutes = 0;
sub row {
    my (%given) = @_;
    my %row = (method => 'GET', path => "/$org->{key}/v2/Users", status => 200, duration => 1234, requests => 1, changes => 0, warnings => 0,
               actor_name => 'Microsoft Entra ID', operations => '{}', %given);
    return sql(q{INSERT INTO scim.request (organization_id, occurred_at, token_id, actor_name, method, path, filter, operations, status, scim_type,
                                           resource_type, resource_id, request_id, duration, requests, changes, warnings)
        VALUES ($1, now() - $2::int * interval '1 minute', gen_random_uuid(), $3, $4, $5, $6, $7, $8, $9, $10, $11, 'id', $12, $13, $14, $15)},
        $org->{id}, ++$minutes, @row{qw(actor_name method path filter operations status scim_type resource_type resource_id duration requests changes warnings)});
}
row(filter => 'userName eq "…"', requests => 1234);
row(method => 'PATCH', path => "/$org->{key}/v2/Users/$long->{id}", resource_type => 'User', resource_id => $long->{id}, changes => 1, warnings => 1,
    operations => '{"replace active","add emails[type eq \"…\"].value","replace urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"}');
row(method => 'PATCH', path => "/$org->{key}/v2/Groups/$group", resource_type => 'Group', resource_id => $group, changes => 1, operations => '{"add members ×57"}');
row(method => 'POST', status => 409, scim_type => 'uniqueness', operations => '{userName,displayName}', duration => 45678);
row(method => 'PUT', path => "/$org->{key}/v2/Users/$japanese->{id}", resource_type => 'User', resource_id => $japanese->{id});
row(actor_name => 'T' x 100, filter => join(' and ', ('urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "…"') x 4), operations => '{' . 'x' x 64 . '}');
row(path => "/$org->{key}/v2/<img src=x onerror=document.title=\"owned\">") for 1 .. 120;
exit !Scim::Browser::run('requests.mjs', url => server()->{url} . "/organizations/$org->{key}/", user => $org->{issuer_name},
    japanese => $japanese->{userName}, emptyUrl => server()->{url} . "/organizations/$empty->{key}/", emptyUser => $empty->{issuer_name});
