# SPDX-License-Identifier: Apache-2.0
# How many statements a request needs.  Each row is a statement that PostgreSQL ran.
use strict;
use warnings;
use lib 't/lib';
use Scim::Test;

own_server();           # its plans are read
my $org = organization();
my @users = map { $org->create } 1 .. 4;
my $next = $org->get('/Users?count=2&cursor')->{json}{nextCursor};

# Statements that run once a minute or once on a connection, those of the test itself,
# those that write the log of many requests, and a function that the planner evaluates within a statement, which has no text, are
# left out.
sub statements {
    my ($request) = @_;
    $request->();
    return grep { !/UPDATE scim\.token|scim\.request\b|scim\.schema_version|pg_settings|pg_reload_conf|Query Text: $/m } query_plans($request);
}

sub needs {
    my ($count, $name, $request) = @_;
    my @statements = statements($request);
    is(scalar @statements, $count, "$name: $count statements") or diag @statements;
    return;
}

sub patch { my ($id) = @_; my $title = random_name(); return sub { $org->patch_ops($id, { op => 'replace', path => 'title', value => $title . rand }) } }

needs(2, 'GET of a User', sub { $org->get("/Users/$users[0]{id}") });
needs(2, 'a match query', sub { $org->filter("userName eq \"$users[0]{userName}\"") });
needs(2, 'a page by index', sub { $org->get('/Users?startIndex=2&count=2') });
needs(2, 'a page behind a cursor', sub { $org->get('/Users?count=2&cursor=' . uri($next)) });
needs(2, 'a sorted page', sub { $org->get('/Users?sortBy=name.familyName&count=2') });
needs(2, 'a search', sub { $org->post('/Users/.search', { filter => 'active eq true' }) });
needs(2, 'the roles with their counts', sub { $org->get('/Roles') });
needs(2, 'POST of a User', sub { $org->post('/Users', { userName => user_name(), displayName => 'x' }) });
needs(3, 'PATCH of a User', patch($users[1]{id}));
needs(3, 'PUT of a User', sub { $org->put("/Users/$users[2]{id}", { userName => $users[2]{userName}, displayName => 'x', title => random_name() }) });
needs(2, 'PATCH without effect', sub { $org->patch_ops($users[3]{id}, { op => 'replace', path => 'active', value => TRUE }) });
needs(1, 'discovery', sub { $org->get('/Schemas') });
done_testing;
