# SPDX-License-Identifier: Apache-2.0
package Scim::Entra;
# Microsoft Entra ID's provisioning service, as a SCIM server sees it: the
# requests, in the order and the encodings of the real one, with and without
# the flag aadOptscim062020.  script/entra-cycle runs it; the tests use it too.
use strict;
use warnings;
use JSON::PP ();
use Scim::Http;

my $FLAG = 'aadOptscim062020';
my $CORE = 'urn:ietf:params:scim:schemas:core:2.0:User';
my $ENT = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
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

# new(url, token, flag => 0|1, log => sub { my ($row) = @_ })
sub new {
    my ($class, %option) = @_;
    my ($base, $query) = split /\?/, $option{url}, 2;
    $base =~ s{/+\z}{};
    my ($path) = $base =~ m{^https?://[^/]+(/.*)?$}i;
    my $self = bless {
        log => sub { }, %option, path => $path // '', links => {}, users => {},
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

# One line of the provisioning log; returns whether it was a success.
sub note {
    my ($self, $action, $whom, $r, @good) = @_;
    my $success = grep { $r->{status} == $_ } @good;
    my $row = { action => $action, target => $whom, status => $r->{status},
                result => $success ? 'success' : 'failure',
                detail => $success ? '' : ($r->{json}{detail} // 'no SCIM answer') };
    $self->{failures}++ unless $success;
    push @{ $self->{rows} }, $row;
    $self->{log}->($row);
    die "quarantined: invalid credentials\n" if $r->{status} == 401;
    return $success;
}

sub find {
    my ($self, $user_name) = @_;
    return $self->send(GET => $self->target('/Users',
        'filter=' . encode(qq{userName eq "$user_name"})));
}

sub guid {
    return sprintf '%08x-%04x-4%03x-a%03x-%012x', rand 2**32, rand 2**16, rand 2**12,
        rand 2**12, rand 2**48;
}

# E1: asks for a user that cannot exist.
sub test_connection {
    my ($self) = @_;
    my $r = $self->find(guid());
    my $list = $r->{json} || {};
    if ($r->{status} == 200 && !(ref $list->{Resources} eq 'ARRAY' && !@{ $list->{Resources} })) {
        $r = { status => 200, json => { detail => 'the answer is not an empty ListResponse' } };
        return $self->note('Test connection', '-', $r, ());
    }
    return $self->note('Test connection', '-', $r, 200);
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

# E20, E22: only the attributes that are set.
sub body_of {
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

# The operations that bring the resource up to date with the user.
sub differences {
    my ($self, $user, $resource, $active) = @_;
    my @found;
    for my $row (@MAPPING) {
        my ($target, $source) = @$row;
        my $wanted = $user->{$source} // next;
        my $have = value_at($resource, $target);
        next if defined $have && $have eq $wanted;
        next if $target eq 'userName' && defined $have && lc $have eq lc $wanted;
        # A server may keep these as they were at creation.
        next if $target =~ /^(?:preferredLanguage|timezone)$/ && defined $have
            && !$user->{changed}{$source};
        push @found, [$target, defined $have ? 'replace' : 'add', $wanted];
    }
    push @found, ['active', 'replace', $active ? JSON::PP::true() : JSON::PP::false()]
        if !!$resource->{active} ne !!$active;
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

# E14 before every write.
sub read_linked {
    my ($self, $user) = @_;
    my $id = $self->{links}{ $user->{id} } // return undef;
    my $r = $self->send(GET => $self->target("/Users/$id"));
    return $r->{json} if $r->{status} == 200;
    delete $self->{links}{ $user->{id} } if $r->{status} == 404;
    $self->note('Read', $user->{userPrincipalName}, $r, 404);
    return undef;
}

sub change {
    my ($self, $action, $user, $resource, @operations) = @_;
    return 1 unless @operations;
    my $r = $self->send(PATCH => $self->target("/Users/$resource->{id}"),
        { schemas => [$PATCHOP], Operations => \@operations });
    return $self->note($action, $user->{userPrincipalName}, $r, 200, 204);
}

# Match, then create or bring up to date.
sub provision {
    my ($self, $user) = @_;
    my $name = $user->{userPrincipalName};
    $self->{users}{ $user->{id} } = $user;
    my $resource = $self->read_linked($user);
    if (!$resource) {
        my $r = $self->find($name);
        $self->note('Match', $name, $r, 200) or return 0;
        ($resource) = @{ $r->{json}{Resources} };
    }
    if ($resource) {
        $self->{links}{ $user->{id} } = $resource->{id};
        return $self->change('Update', $user, $resource,
                             $self->differences($user, $resource, 1));
    }
    my $r = $self->send(POST => $self->target('/Users'), body_of($user));
    $self->note('Create', $name, $r, 201) or return 0;
    $self->{links}{ $user->{id} } = $r->{json}{id};
    return 1;
}

sub deactivate {
    my ($self, $user) = @_;
    my $resource = $self->read_linked($user) or return 0;
    return $self->change('Disable', $user, $resource,
        $self->{flag} ? { op => 'replace', path => 'active', value => JSON::PP::false() }
                      : { op => 'Replace', path => 'active', value => 'False' });
}

sub remove {
    my ($self, $user) = @_;
    my $resource = $self->read_linked($user) or return 0;
    my $r = $self->send(DELETE => $self->target("/Users/$resource->{id}"));
    delete $self->{links}{ $user->{id} };
    delete $self->{users}{ $user->{id} };
    return $self->note('Delete', $user->{userPrincipalName}, $r, 204, 404);
}

# References are sent in a PATCH of their own, as a string (E36, E54).
sub set_manager {
    my ($self, $user, $manager) = @_;
    my $resource = $self->read_linked($user) or return 0;
    my $id = $self->{links}{$manager} // return 0;
    return $self->change('Update', $user, $resource,
        { op => $self->{flag} ? 'add' : 'Add', path => "$ENT:manager", value => $id });
}

# One change of the directory: {action, id, ...}.
sub apply {
    my ($self, $change) = @_;
    my $action = $change->{action} // '';
    return $self->provision($change->{user}) if $action eq 'create';
    my $user = $self->{users}{ $change->{id} // '' }
        or die "the directory has no user '" . ($change->{id} // '') . "'\n";
    if ($action eq 'update') {
        my %set = %{ $change->{set} };
        @$user{ keys %set } = values %set;
        $user->{changed}{$_} = 1 for keys %set;
        return $self->provision($user);
    }
    return $self->provision($user) if $action eq 're-assign';
    return $self->deactivate($user) if $action =~ /^(?:unassign|soft-delete)$/;
    return $self->remove($user) if $action eq 'hard-delete';
    return $self->set_manager($user, $change->{manager}) if $action eq 'manager';
    die "unknown action '$action' in the directory\n";
}

# Test Connection, the initial cycle over all users, then one incremental cycle
# for each list of changes, each begun with a probe as the service does.
sub run {
    my ($self, $directory) = @_;
    $self->test_connection or return 0;
    $self->provision($_) for @{ $directory->{users} || [] };
    for my $cycle (@{ $directory->{changes} || [] }) {
        $self->test_connection or return 0;
        $self->apply($_) for @$cycle;
    }
    return $self->{failures} == 0;
}

# A directory for demonstration: create, rename, role change, unassign, re-assign,
# soft and hard delete.
sub demonstration {
    my ($domain) = @_;
    my $person = sub {
        my ($id, $given, $surname, %more) = @_;
        return { id => $id, userPrincipalName => lc("$given.$surname\@$domain"),
                 displayName => "$given $surname", givenName => $given, surname => $surname,
                 mail => lc("$given\@$domain"), %more };
    };
    my $taro = '0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef';
    my $hanako = '1b32a1a3-9e3b-4a9f-8fa9-8474d5bfe5f0';
    my $ken = '2c43b2b4-af4c-4ba0-90ba-9585e6c0f601';
    return {
        users => [
            $person->($taro, 'Taro', 'Yamada', role => 'USER', preferredLanguage => 'ja',
                      timezone => 'Asia/Tokyo', mobile => '+81 90 1234 5678'),
            $person->($hanako, 'Hanako', 'Suzuki', role => 'ADMIN', jobTitle => 'Head of IT'),
            $person->($ken, 'Ken', 'Tanaka', role => 'GUEST', department => 'Sales'),
        ],
        changes => [
            [{ action => 'update', id => $taro, set => { displayName => 'Taro Y.', role => 'ADMIN',
                                                         employeeId => '4711' } },
             { action => 'manager', id => $taro, manager => $hanako }],
            [{ action => 'unassign', id => $taro }],
            [{ action => 're-assign', id => $taro }],
            [{ action => 'soft-delete', id => $ken }, { action => 'hard-delete', id => $ken }],
        ],
    };
}

1;
