# SPDX-License-Identifier: Apache-2.0
package Scim::Entra;
# Microsoft Entra ID's provisioning service, as a SCIM server sees it: the
# requests, in the order and the encodings of the real one, with and without
# the flag aadOptscim062020.  script/entra-cycle runs it; the tests use it too.
#
# Of a directory it provisions users first, then groups, then memberships (E70 to
# E76).  What the real service leaves undone is left undone here: a member who is
# out of scope is left out, and nobody adds him when he comes into scope later.
use strict;
use warnings;
use JSON::PP ();
use Scim::Http;
use Scim::Process;

my $FLAG = 'aadOptscim062020';
my $CORE = 'urn:ietf:params:scim:schemas:core:2.0:User';
my $ENT = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
my $GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group';
my $PATCHOP = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';
my $ROLE = 'roles[primary eq "True"].value';
my $JSON = JSON::PP->new->utf8->canonical;

# The attribute mapping: SCIM target => source attribute, in the order in which
# changes are sent.  The first is the matching attribute.
my @MAPPING = (
    ['userName' => 'userPrincipalName'],
    ['displayName' => 'displayName'],
    ['externalId' => 'id'],
    ['preferredLanguage' => 'preferredLanguage'],
    ['timezone' => 'timezone'],
    ['title' => 'jobTitle'],
    ['name.givenName' => 'givenName'],
    ['name.familyName' => 'surname'],
    ['emails[type eq "work"].value' => 'mail'],
    ['phoneNumbers[type eq "work"].value' => 'telephoneNumber'],
    ['phoneNumbers[type eq "mobile"].value' => 'mobile'],
    ["$ENT:employeeNumber" => 'employeeId'],
    ["$ENT:department" => 'department'],
    [$ROLE => 'role'],
);
my @GROUP_MAPPING = (['displayName' => 'displayName'], ['externalId' => 'id']);

# How many requests are sent at once.
my $AT_ONCE = 8;

# What is provisioned: its name in the log, its matching attribute, and what is
# asked for with each read.
sub kinds {
    my ($match_groups) = @_;
    return {
        user => { endpoint => '/Users', mapping => \@MAPPING, name => 'userPrincipalName',
                  matching => 'userName', read => [] },
        group => { endpoint => '/Groups', mapping => \@GROUP_MAPPING, name => 'displayName',
                   matching => $match_groups, read => ['excludedAttributes=members'] },
    };
}

# new(url, token, flag => 0|1, groups => 0|1, match_groups => 'displayName' or
# 'externalId', log => sub { my ($row) = @_ }).  groups 0: the mapping of groups is
# switched off.
sub new {
    my ($class, %option) = @_;
    my ($base, $query) = split /\?/, $option{url}, 2;
    $base =~ s{/+\z}{};
    my ($path) = $base =~ m{^https?://[^/]+(/.*)?$}i;
    my $self = bless {
        log => sub { }, groups => 1, %option, base => $base, path => $path // '', links => {}, objects => {},
        kinds => kinds($option{match_groups} // 'displayName'),
        query => [grep { length } split(/&/, $query // ''), $option{flag} ? $FLAG : ()],
        http => Scim::Http->new($base), rows => [], failures => 0, requests => 0,
    }, $class;
    my %seen;
    $self->{query} = [grep { !$seen{$_}++ } @{ $self->{query} }];
    $self->{flag} ||= grep { $_ eq $FLAG } @{ $self->{query} };
    return $self;
}

# Form encoding: a blank is a plus (clients.md E1).
sub encode {
    my ($text) = @_;
    utf8::encode($text) if utf8::is_utf8($text);
    $text =~ s/([^A-Za-z0-9_.~ -])/sprintf '%%%02X', ord $1/ge;
    $text =~ tr/ /+/;
    return $text;
}

# The flag comes before, after or without other parameters: its place is not
# documented, so each is used in turn.
sub target {
    my ($self, $path, @parameters) = @_;
    my @flags = @{ $self->{query} };
    my @all = $self->{requests}++ % 2 ? (@parameters, @flags) : (@flags, @parameters);
    return $self->{path} . $path . (@all ? '?' . join '&', @all : '');
}

sub send {
    my ($self, $method, $target, $body) = @_;
    my @headers = (Authorization => "Bearer $self->{token}", ADSCIMVersion => '6.0');
    push @headers, 'Content-Type' => 'application/scim+json; charset=utf-8' if $body;
    my $r = $self->{http}->request($method, $target, \@headers,
                                   $body ? $JSON->encode($body) : undef);
    $r->{json} = eval { $JSON->decode($r->{content}) } if length $r->{content};
    return $r;
}

# A row of the provisioning log.
sub outcome {
    my ($action, $whom, $r, @good) = @_;
    my $success = grep { $r->{status} == $_ } @good;
    return { action => $action, target => $whom, status => $r->{status}, result => $success ? 'success' : 'failure',
             detail => $success ? '' : ($r->{json}{detail} // 'no SCIM answer') };
}

# Log a row; returns whether nothing has failed.
sub record {
    my ($self, $row) = @_;
    my $failed = $row->{result} eq 'failure';
    $self->{failures}++ if $failed;
    push @{ $self->{rows} }, $row;
    $self->{log}->($row);
    die "quarantined: invalid credentials\n" if $row->{status} eq '401';
    return !$failed;
}

sub note { my ($self, @outcome) = @_; return $self->record(outcome(@outcome)) }

sub kind_of {
    my ($self, $object) = @_;
    return $self->{kinds}{ $object->{kind} // 'user' };
}

sub name_of {
    my ($self, $object) = @_;
    return $object->{ $self->kind_of($object)->{name} };
}

# The search for what has this value of the matching attribute (E10, E71).
sub find {
    my ($self, $kind, $value) = @_;
    return $self->send(GET => $self->target($kind->{endpoint}, @{ $kind->{read} },
        'filter=' . encode(qq{$kind->{matching} eq "$value"})));
}

sub guid {
    return sprintf '%08x-%04x-4%03x-a%03x-%012x', rand 2**32, rand 2**16, rand 2**12,
        rand 2**12, rand 2**48;
}

# E1, E2: asks for what cannot exist.
sub probe {
    my ($self, $kind) = @_;
    my $r = $self->find($kind, guid());
    my $list = $r->{json} || {};
    if ($r->{status} == 200 && !(ref $list->{Resources} eq 'ARRAY' && !@{ $list->{Resources} })) {
        $r = { status => 200, json => { detail => 'the answer is not an empty ListResponse' } };
        return $self->note('Test connection', '-', $r, ());
    }
    return $self->note('Test connection', '-', $r, 200);
}

sub test_connection {
    my ($self) = @_;
    return $self->probe($self->{kinds}{user}) && (!$self->{has_groups} || $self->probe($self->{kinds}{group}));
}

# The value at a mapping target of a resource, or undef.
sub value_at {
    my ($resource, $target) = @_;
    if ($target =~ /^(\w+)\[(\w+) eq "(\w+)"\]\.(\w+)$/) {
        my ($list, $by, $wanted, $sub) = ($1, $2, $3, $4);
        for my $element (@{ $resource->{$list} || [] }) {
            my $have = $element->{$by} // '';
            return $element->{$sub} if $by eq 'primary' ? $have : $have eq $wanted;
        }
        return undef;
    }
    return $resource->{$ENT}{ substr $target, length($ENT) + 1 } if index($target, "$ENT:") == 0;
    return $resource->{$1}{$2} if $target =~ /^(\w+)\.(\w+)$/;
    return $resource->{$target};
}

# E70: a group is always created without members.
sub group_body {
    my ($group) = @_;
    return { schemas => [$GROUP], meta => { resourceType => 'Group' }, externalId => $group->{id},
             displayName => $group->{displayName} };
}

# E20, E22: only the attributes that are set.
sub user_body {
    my ($user) = @_;
    my %body = (schemas => [$CORE, $ENT], active => JSON::PP::true(),
                meta => { resourceType => 'User' });
    for my $row (@MAPPING) {
        my ($target, $source) = @$row;
        my $value = $user->{$source} // next;
        if ($target eq $ROLE) {
            $body{roles} = [{ primary => JSON::PP::true(), value => $value,
                              type => 'WindowsAzureActiveDirectoryRole' }];
        }
        elsif ($target =~ /^(\w+)\[type eq "(\w+)"\]\.value$/) {
            push @{ $body{$1} }, { type => $2, value => $value };
        }
        elsif (index($target, "$ENT:") == 0) {
            $body{$ENT}{ substr $target, length($ENT) + 1 } = $value;
        }
        elsif ($target =~ /^(\w+)\.(\w+)$/) {
            $body{$1}{$2} = $value;
        }
        else {
            $body{$target} = $value;
        }
    }
    return \%body;
}

# The operations that bring the resource up to date with the user or group.
sub differences {
    my ($self, $object, $resource) = @_;
    my @found;
    for my $row (@{ $self->kind_of($object)->{mapping} }) {
        my ($target, $source) = @$row;
        my $wanted = $object->{$source} // next;
        my $have = value_at($resource, $target);
        next if defined $have && $have eq $wanted;
        next if $target eq 'userName' && defined $have && lc $have eq lc $wanted;
        # A server may keep these as they were at creation.
        next if $target =~ /^(?:preferredLanguage|timezone)$/ && defined $have
            && !$object->{changed}{$source};
        push @found, [$target, defined $have ? 'replace' : 'add', $wanted];
    }
    push @found, ['active', 'replace', JSON::PP::true()] if !is_group($object) && !$resource->{active};
    return $self->{flag} ? standard_operations(@found) : legacy_operations(@found);
}

# Without the flag: one operation per attribute, capitals, booleans as strings
# (E30-E44).
sub legacy_operations {
    return map {
        my ($path, $op, $value) = @$_;
        { op => ucfirst $op, path => $path,
          value => ref $value ? ($value ? 'True' : 'False') : $value }
    } @_;
}

# With the flag: paths with brackets first, then one operation without a path
# for all others (E50-E53).
sub standard_operations {
    my (@operations, %without);
    for my $change (@_) {
        my ($path, $op, $value) = @$change;
        if ($path =~ /\[/ || $path eq 'active') {
            push @operations, { op => $op, path => $path, value => $value };
        }
        else {
            $without{$op}{$path} = $value;
        }
    }
    return @operations, map { { op => $_, value => $without{$_} } } sort keys %without;
}

sub is_group { my ($object) = @_; return ($object->{kind} // '') eq 'group' }

# Its URL, to be read with what is asked for, or to be changed.
sub resource_target {
    my ($self, $object, @parameters) = @_;
    return $self->target($self->kind_of($object)->{endpoint} . '/' . $self->{links}{ $object->{id} }, @parameters);
}

# E14, E71b before every write.
sub read_linked {
    my ($self, $object) = @_;
    $self->{links}{ $object->{id} } // return undef;
    my $r = $self->send(GET => $self->resource_target($object, @{ $self->kind_of($object)->{read} }));
    return $r->{json} if $r->{status} == 200;
    delete $self->{links}{ $object->{id} } if $r->{status} == 404;
    $self->note('Read', $self->name_of($object), $r, 404);
    return undef;
}

sub patch {
    my ($self, $object, @operations) = @_;
    return $self->send(PATCH => $self->resource_target($object), { schemas => [$PATCHOP], Operations => \@operations });
}

sub change {
    my ($self, $action, $object, @operations) = @_;
    return 1 unless @operations;
    return $self->note($action, $self->name_of($object), $self->patch($object, @operations), 200, 204);
}

# The resource that the matching attribute finds; undef: there is none.  Returns
# nothing where the search fails.
sub match {
    my ($self, $object) = @_;
    my $kind = $self->kind_of($object);
    my ($source) = map { $_->[1] } grep { $_->[0] eq $kind->{matching} } @{ $kind->{mapping} };
    my $r = $self->find($kind, $object->{$source});
    $self->note('Match', $self->name_of($object), $r, 200) or return;
    return $r->{json}{Resources}[0];
}

# Match, then create or bring up to date.
sub provision {
    my ($self, $object) = @_;
    $self->introduce($object);
    $self->{in_scope}{ $object->{id} } = 1;
    my $resource = $self->read_linked($object);
    if (!$resource) {
        my @found = $self->match($object) or return 0;
        ($resource) = @found;
    }
    if ($resource) {
        $self->{links}{ $object->{id} } = $resource->{id};
        return $self->change('Update', $object, $self->differences($object, $resource));
    }
    my $r = $self->send(POST => $self->target($self->kind_of($object)->{endpoint}),
                        is_group($object) ? group_body($object) : user_body($object));
    $self->note('Create', $self->name_of($object), $r, 201) or return 0;
    $self->{links}{ $object->{id} } = $r->{json}{id};
    return 1;
}

sub deactivate {
    my ($self, $user) = @_;
    delete $self->{in_scope}{ $user->{id} };
    $self->read_linked($user) or return 0;
    return $self->change('Disable', $user,
        $self->{flag} ? { op => 'replace', path => 'active', value => JSON::PP::false() }
                      : { op => 'Replace', path => 'active', value => 'False' });
}

sub remove {
    my ($self, $object) = @_;
    delete $self->{in_scope}{ $object->{id} };
    $self->read_linked($object) or return 0;
    my $r = $self->send(DELETE => $self->resource_target($object));
    delete $self->{links}{ $object->{id} };
    return $self->note('Delete', $self->name_of($object), $r, 204, 404);
}

# References are sent in a PATCH of their own, as a string (E36, E54).
sub set_manager {
    my ($self, $user, $manager) = @_;
    $self->read_linked($user) or return 0;
    my $id = $self->{links}{$manager} // return 0;
    return $self->change('Update', $user,
        { op => $self->{flag} ? 'add' : 'Add', path => "$ENT:manager", value => $id });
}

# E72 to E74.
sub member_operation {
    my ($self, $action, $id) = @_;
    my ($op) = $action =~ /^(Add|Remove)/;
    return { op => 'remove', path => qq{members[value eq "$id"]} } if $self->{flag} && $op eq 'Remove';
    return { op => $self->{flag} ? lc $op : $op, path => 'members', value => [{ value => $id }] };
}

# Add or remove one member, with a PATCH of its own; returns the row of the log.
sub set_member {
    my ($self, $action, $group, $member) = @_;
    my $whom = join ': ', map { $self->name_of($_) } $group, $member;
    if (grep { !$self->{links}{ $_->{id} } } $group, $member) {
        return { action => $action, target => $whom, status => '-', result => 'skipped', detail => 'not in scope' };
    }
    my $r = $self->send(GET => $self->resource_target($group, @{ $self->{kinds}{group}{read} }));
    $r = $self->patch($group, $self->member_operation($action, $self->{links}{ $member->{id} }))
        if $r->{status} == 200;
    return outcome($action, $whom, $r, 200, 204);
}

# The rows of the PATCHes for these members, sent at once, each on a connection of
# its own.
sub at_once {
    my ($self, $action, $group, @members) = @_;
    my @clients = map {
        my $member = $_;
        $self->{requests}++;
        Scim::Process->start(sub {
            local $self->{http} = Scim::Http->new($self->{base});
            print $JSON->encode($self->set_member($action, $group, $member)), "\n";
        }, out => 'pipe');
    } @members;
    my @lines = map { $_->line } @clients;
    $_->wait for @clients;
    return map { $JSON->decode($_ // die "the connection was lost\n") } @lines;
}

# Several members of one group, one PATCH each.
sub set_members {
    my ($self, $action, $group, @ids) = @_;
    my $failures = $self->{failures};
    my @members = map { $self->object($_) } @ids;
    while (my @some = splice @members, 0, $AT_ONCE) {
        my @rows = @some > 1 ? $self->at_once($action, $group, @some) : $self->set_member($action, $group, @some);
        $self->record($_) for @rows;
    }
    return $self->{failures} == $failures;
}

sub introduce {
    my ($self, $object) = @_;
    push @{ $self->{order} }, $object if !$self->{objects}{ $object->{id} };
    $self->{objects}{ $object->{id} } = $object;
    return;
}

sub object {
    my ($self, $id) = @_;
    return $self->{objects}{ $id // '' } // die "the directory has no user or group '" . ($id // '') . "'\n";
}

# The directory says what members the group has; then the service follows.
sub change_members {
    my ($self, $group, $change) = @_;
    my @ids = @{ $change->{members} };
    my %is_one = map { $_ => 1 } @ids;
    my @others = grep { !$is_one{$_} } @{ $group->{members} || [] };
    my $is_addition = $change->{action} eq 'add-members';
    $group->{members} = [@others, $is_addition ? @ids : ()];
    return $self->set_members($is_addition ? 'Add member' : 'Remove member', $group, @ids);
}

sub assign_group {
    my ($self, $group) = @_;
    return $self->provision($group) && $self->set_members('Add member', $group, @{ $group->{members} || [] });
}

sub update {
    my ($self, $object, $set) = @_;
    @$object{ keys %$set } = values %$set;
    $object->{changed}{$_} = 1 for keys %$set;
    return $self->provision($object);
}

# What the actions do.  A group that leaves the scope is deleted (E76).
my %USER_ACTIONS = (
    'create' => \&provision, 'assign' => \&provision, 're-assign' => \&provision,
    'update' => sub { $_[0]->update($_[1], $_[2]{set}) },
    'unassign' => \&deactivate, 'soft-delete' => \&deactivate, 'hard-delete' => \&remove,
    'manager' => sub { $_[0]->set_manager($_[1], $_[2]{manager}) },
);
my %GROUP_ACTIONS = (
    'create' => \&assign_group, 'assign' => \&assign_group, 're-assign' => \&assign_group,
    'update' => $USER_ACTIONS{update}, 'unassign' => \&remove, 'hard-delete' => \&remove,
    'add-members' => \&change_members, 'remove-members' => \&change_members,
);

# One change of the directory: {action, id, ...}.
sub apply {
    my ($self, $change) = @_;
    my $action = $change->{action} // '';
    return $self->restart if $action eq 'restart';
    $change->{group}{kind} = 'group' if $change->{group};
    my $object = $change->{user} // $change->{group} // $self->object($change->{id});
    my $does = (is_group($object) ? \%GROUP_ACTIONS : \%USER_ACTIONS)->{$action}
        or die "unknown action '$action' in the directory\n";
    return is_group($object) && !$self->{groups} || $does->($self, $object, $change);
}

# The initial cycle over all that is in scope: users, then groups, then memberships.
sub initial_cycle {
    my ($self) = @_;
    my @objects = grep { $self->{in_scope}{ $_->{id} } } @{ $self->{order} };
    my @groups = grep { is_group($_) } @objects;
    $self->provision($_) for grep({ !is_group($_) } @objects), @groups;
    $self->set_members('Add member', $_, @{ $_->{members} || [] }) for @groups;
    return 1;
}

# "Restart provisioning": nothing is known of the resources.
sub restart {
    my ($self) = @_;
    $self->{links} = {};
    return $self->initial_cycle;
}

# Test Connection, the initial cycle, then one incremental cycle for each list of
# changes, each begun with a probe as the service does.
sub run {
    my ($self, $directory) = @_;
    my @groups = @{ $directory->{groups} || [] };
    $_->{kind} = 'group' for @groups;
    for my $object (@{ $directory->{users} || [] }, @groups) {
        $self->introduce($object);
        $self->{in_scope}{ $object->{id} } = !exists $object->{assigned} || $object->{assigned}
            unless is_group($object) && !$self->{groups};
    }
    $self->{has_groups} = $self->{groups} && @groups;
    $self->test_connection or return 0;
    $self->initial_cycle;
    for my $cycle (@{ $directory->{changes} || [] }) {
        $self->test_connection or return 0;
        $self->apply($_) for @$cycle;
    }
    return $self->{failures} == 0;
}

# A directory for demonstration.  Of people: create, rename, role change, unassign,
# re-assign, soft and hard delete; of groups: one in another, rename, members who
# come and go, one that leaves the scope.
sub demonstration {
    my ($domain) = @_;
    my $person = sub {
        my ($id, $given, $surname, %more) = @_;
        return { id => $id, userPrincipalName => lc("$given.$surname\@$domain"),
                 displayName => "$given $surname", givenName => $given, surname => $surname,
                 mail => lc("$given\@$domain"), %more };
    };
    my ($taro, $hanako, $ken) = ('0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef', '1b32a1a3-9e3b-4a9f-8fa9-8474d5bfe5f0',
                                 '2c43b2b4-af4c-4ba0-90ba-9585e6c0f601');
    my ($sales, $everybody, $project) = ('3d54c3c5-b05d-4cb1-a1cb-a696f7d10712', '4e65d4d6-c16e-4dc2-b2dc-b7a708e21823',
                                         '5f76e5e7-d27f-4ed3-83ed-c8b819f32934');
    return {
        users => [
            $person->($taro, 'Taro', 'Yamada', role => 'USER', preferredLanguage => 'ja',
                      timezone => 'Asia/Tokyo', mobile => '+81 90 1234 5678'),
            $person->($hanako, 'Hanako', 'Suzuki', role => 'ADMIN', jobTitle => 'Head of IT'),
            $person->($ken, 'Ken', 'Tanaka', role => 'GUEST', department => 'Sales'),
        ],
        groups => [
            { id => $everybody, displayName => 'Everybody', members => [$sales, $hanako] },
            { id => $sales, displayName => 'Sales', members => [$taro, $ken] },
            { id => $project, displayName => 'Project X', members => [] },
        ],
        changes => [
            [{ action => 'update', id => $taro, set => { displayName => 'Taro Y.', role => 'ADMIN',
                                                         employeeId => '4711' } },
             { action => 'manager', id => $taro, manager => $hanako },
             { action => 'update', id => $sales, set => { displayName => 'Sales EMEA' } },
             { action => 'add-members', id => $project, members => [$taro, $hanako, $ken] }],
            [{ action => 'unassign', id => $taro },
             { action => 'remove-members', id => $project, members => [$hanako, $ken] }],
            [{ action => 're-assign', id => $taro }, { action => 'unassign', id => $project }],
            [{ action => 'soft-delete', id => $ken }, { action => 'hard-delete', id => $ken }],
        ],
    };
}

1;
