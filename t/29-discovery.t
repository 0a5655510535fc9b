# SPDX-License-Identifier: Apache-2.0
# /ServiceProviderConfig, /ResourceTypes and /Schemas, and how Entra ID uses them.
use strict;
use warnings;
use lib 't/lib';
use Scim::Test;

my $org = organization();
my $SPC = 'urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig';

my $config = $org->get('/ServiceProviderConfig')->{json};
is_deeply $config->{schemas}, [$SPC], 'DISC-01: ServiceProviderConfig is one object';
is $config->{meta}{location}, $org->url . '/ServiceProviderConfig', 'DISC-07: with its location';
is_deeply [map { $config->{$_}{supported} } qw(patch bulk filter changePassword sort etag)], [TRUE, TRUE, TRUE, FALSE, TRUE, TRUE],
    'DISC-11: it describes the server correctly';
is_deeply $org->get('/ServiceProviderConfig', profile => 'small')->{json}{bulk}, { supported => FALSE, maxOperations => 0, maxPayloadSize => 2048 },
    'DISC-03: bulk has its numbers even when it is off';
is $config->{filter}{maxResults}, 1000, 'DISC-11: filter.maxResults';
is_deeply [@{ $org->get('/ServiceProviderConfig', profile => 'small')->{json}{pagination} }{qw(defaultPageSize maxPageSize)}], [5, 5],
    'DISC-11: defaultPageSize is never more than SCIMMaxResults';
is_deeply [map { $_->{type} } @{ $config->{authenticationSchemes} }], ['oauthbearertoken'], 'DISC-04: the bearer token';
is_deeply [map { length($_->{name}) && length($_->{description}) ? 1 : 0 } @{ $config->{authenticationSchemes} }], [1],
    'DISC-04: with name and description';
is_error($org->put('/ServiceProviderConfig', {}), 405, undef, 'DISC-06: it is read only');

my $types = $org->get('/ResourceTypes')->{json};
is_deeply [map { $_->{name} } @{ $types->{Resources} }], [qw(User Role Group)], 'DISC-14, ROLE-07: there are three resource types';
is $types->{totalResults}, 3, 'DISC-14: totalResults';
my ($type) = @{ $types->{Resources} };
is_deeply [@$type{qw(id name endpoint schema)}], ['User', 'User', '/Users', CORE], 'DISC-15: User';
is_deeply $type->{schemaExtensions}, [{ schema => ENT, required => FALSE }], 'DISC-16: the Enterprise User may be absent';
is_deeply $type->{meta}, { resourceType => 'ResourceType', location => $org->url . '/ResourceTypes/User' }, 'DISC-14: meta';
is_deeply $org->get('/ResourceTypes/User')->{json}, $type, 'DISC-18: by its id';
is_error($org->get('/ResourceTypes/Nope'), 404, undef, 'DISC-18: an unknown one');

my $list = $org->get('/Schemas')->{json};
is_deeply [@$list{qw(totalResults itemsPerPage startIndex)}], [scalar @{ $list->{Resources} }, scalar @{ $list->{Resources} }, 1],
    'DISC-21: all schemas in one answer';
my %schema = map { $_->{id} => $_ } @{ $list->{Resources} };
for my $urn (sort keys %schema) {
    is_deeply $org->get("/Schemas/$urn")->{json}, $schema{$urn}, "DISC-22: $urn by its id";
    is $schema{$urn}{meta}{resourceType}, 'Schema', 'DISC-26: meta';
    is_deeply $schema{$urn}{schemas}, ['urn:ietf:params:scim:schemas:core:2.0:Schema'], 'DISC-26: schemas';
}
is_deeply $org->get('/Schemas/' . uri(uc CORE))->{json}, $schema{ (CORE) }, 'DISC-22: in capitals and with %3A';
is_error($org->get("/Schemas/$_"), 404, undef, "DISC-23: $_") for 'urn:unknown', ERROR_URN;
is_error($org->get("/$_?filter=id+eq+%22x%22"), 403, undef, "DISC-30: a filter on /$_") for 'Schemas', 'ResourceTypes', 'ServiceProviderConfig';
is_deeply $org->get('/Schemas?startIndex=2&count=1&attributes=id')->{json}, $list, 'DISC-32: paging and projection are ignored';
my @missing;
sub check_attributes {
    my ($where, $sub, @attributes) = @_;
    for my $attribute (@attributes) {
        my $name = "$where.$attribute->{name}";
        push @missing, map { "$name: $_" } grep { !defined $attribute->{$_} } qw(name type multiValued description required mutability returned);
        push @missing, "$name is complex in complex" if $sub && $attribute->{type} eq 'complex' && $where !~ /Schema\.attributes|RolesAndEntitlements/;
        push @missing, "$name without sub-attributes" if $attribute->{type} eq 'complex' && !@{ $attribute->{subAttributes} };
        push @missing, "$name without caseExact" if $attribute->{type} =~ /^(?:string|reference|binary)$/ && !defined $attribute->{caseExact};
        push @missing, "$name without referenceTypes" if $attribute->{type} eq 'reference' && !@{ $attribute->{referenceTypes} || [] };
        check_attributes($name, 1, @{ $attribute->{subAttributes} || [] });
    }
}
check_attributes($_->{name}, 0, @{ $_->{attributes} }) for values %schema;
is_deeply \@missing, [], 'DISC-25: every attribute has its characteristics';

my %user = map { $_->{name} => $_ } @{ $schema{ (CORE) }{attributes} };
ok $user{externalId}, 'DISC: User lists externalId, as gallery checks want';
is $user{password}, undef, 'DISC: password is not in the schema';
is_deeply [map { $user{$_}{mutability} } qw(preferredLanguage timezone)], ['immutable', 'immutable'], 'DISC-29: set at creation only';
is_deeply [map { $user{$_}{required} } qw(userName displayName)], [TRUE, TRUE], 'DISC-29: required in profile managed';
my $open = $org->get('/Schemas/' . CORE, profile => 'open')->{json};
my %open = map { $_->{name} => $_ } @{ $open->{attributes} };
is_deeply [$open{preferredLanguage}{mutability}, $open{displayName}{required}], ['readWrite', FALSE], 'DISC-29: but not in profile open';

# How Entra ID flattens the schemas to the targets that it offers
# (clients.md E4).
sub targets {
    my ($prefix, @attributes) = @_;
    my @targets;
    for my $attribute (@attributes) {
        my @subs = map { $_->{name} } @{ $attribute->{subAttributes} || [] };
        my ($type) = grep { $_->{name} eq 'type' } @{ $attribute->{subAttributes} || [] };
        my $name = "$prefix$attribute->{name}";
        if ($attribute->{type} ne 'complex') { push @targets, $name }
        elsif (!$attribute->{multiValued}) { push @targets, map { "$name.$_" } @subs }
        elsif ($type && $type->{canonicalValues}) {
            for my $value (@{ $type->{canonicalValues} }) { push @targets, map { "${name}[type eq \"$value\"].$_" } @subs }
        }
        else { push @targets, map { "${name}[primary eq \"True\"].$_" } @subs }
    }
    return @targets;
}
my %target = map { $_ => 1 } targets('', @{ $schema{ (CORE) }{attributes} }), targets(ENT . ':', @{ $schema{ (ENT) }{attributes} });
ok $target{$_}, "E4: Entra ID offers $_"
    for 'roles[primary eq "True"].value', 'userName', 'displayName', 'externalId', 'active', 'preferredLanguage', 'timezone', 'name.givenName',
        'emails[type eq "work"].value', 'phoneNumbers[type eq "mobile"].value', 'phoneNumbers[type eq "fax"].value',
        'addresses[type eq "work"].locality', ENT . ':department';

done_testing;
