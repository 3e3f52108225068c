//! Requests as expressions in CEL see them: the names are those of Envoy's attributes.

use crate::attributes::PeerAddress;
use crate::facts::Facts;
use portcullis_cel::{EvalError, Expression, Scope, SyntaxError, Type, Value};
use sdk_shim_http::{Headers, split_target};
use serde_json::{Map, Value as Json};

/// A variable of expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variable {
    Method,
    /// With its query, as in Envoy.
    Path,
    /// Without.
    UrlPath,
    Query,
    Host,
    Headers,
    Time,
    SourceAddress,
    PeerAddress,
    DestinationAddress,
    DestinationPort,
    ServerName,
    Principal,
    ConsumerName,
    ConsumerGroups,
    Claims,
}

use Variable as V;

const VARIABLES: [(Variable, (&str, Type)); 16] = [
    (V::Method, ("request.method", Type::String)),
    (V::Path, ("request.path", Type::String)),
    (V::UrlPath, ("request.url_path", Type::String)),
    (V::Query, ("request.query", Type::String)),
    (V::Host, ("request.host", Type::String)),
    (V::Headers, ("request.headers", Type::Map)),
    (V::Time, ("request.time", Type::Timestamp)),
    (V::SourceAddress, ("source.address", Type::String)),
    (V::PeerAddress, ("source.peer_address", Type::String)),
    (V::DestinationAddress, ("destination.address", Type::String)),
    (V::DestinationPort, ("destination.port", Type::Int)),
    (V::ServerName, ("connection.requested_server_name", Type::String)),
    (V::Principal, ("connection.principal", Type::String)),
    (V::ConsumerName, ("consumer.name", Type::String)),
    (V::ConsumerGroups, ("consumer.groups", Type::List)),
    (V::Claims, ("claims", Type::Map)),
];

pub(crate) fn compile(text: &str) -> Result<Expression, SyntaxError> {
    Expression::new(text, &VARIABLES.map(|(_, variable)| variable))
}

/// The variables that an expression uses.
pub(crate) fn used(expression: &Expression) -> impl Iterator<Item = Variable> {
    expression.variables().iter().filter_map(|place| Some(VARIABLES.get(*place)?.0))
}

/// Whether a request fits.
pub(crate) fn holds(expression: &Expression, facts: &mut Facts<'_>) -> Result<bool, EvalError> {
    let nothing = Map::new();
    // What the host has to be asked for is asked before, as values borrow from the request.
    let mut request = Request { headers: facts.headers, claims: &nothing, values: Vec::new() };
    for variable in used(expression) {
        let value = match variable {
            V::Headers => continue,
            V::Claims => {
                if let Some(identity) = facts.identity {
                    request.claims = &identity.claims().members;
                }
                continue;
            }
            variable => value(variable, facts),
        };
        request.values.push((variable, value));
    }
    expression.evaluate(&mut request)
}

struct Request<'a> {
    headers: &'a Headers,
    claims: &'a Map<String, Json>,
    values: Vec<(Variable, Option<Value<'a>>)>,
}

impl<'a> Scope<'a> for Request<'a> {
    fn variable(&mut self, place: usize) -> Option<Value<'a>> {
        match VARIABLES.get(place)?.0 {
            V::Headers => Some(Value::Headers(self.headers)),
            // Without a token an empty map, so that `has(claims.x)` can be asked.
            V::Claims => Some(Value::Object(self.claims)),
            variable => self.values.iter().find(|(other, _)| *other == variable)?.1.clone(),
        }
    }
}

fn value<'r>(variable: Variable, facts: &mut Facts<'r>) -> Option<Value<'r>> {
    let text = |bytes: &[u8]| (!bytes.is_empty()).then(|| Value::text(bytes.to_vec()));
    let target = facts.headers.get(":path");
    match variable {
        V::Method => facts.method.map(Value::text),
        V::Path => target.map(Value::text),
        V::UrlPath => facts.path.map(Value::text),
        V::Query => target.map(|target| Value::text(split_target(target).1.unwrap_or_default())),
        V::Host => facts.host.map(Value::text),
        V::Time => i64::try_from(facts.now()).ok().map(Value::Timestamp),
        V::SourceAddress => {
            facts.remote_address().map(|address| Value::text(address.to_string().into_bytes()))
        }
        V::PeerAddress => match facts.peer_address() {
            PeerAddress::Ip(address) => Some(Value::text(address.to_string().into_bytes())),
            PeerAddress::NotIp | PeerAddress::Unknown => None,
        },
        V::DestinationAddress => {
            facts.local_address().map(|address| Value::text(address.ip().to_string().into_bytes()))
        }
        V::DestinationPort => facts.local_address().map(|address| Value::Int(address.port().into())),
        V::ServerName => text(facts.server_name()),
        V::Principal => text(facts.principal()),
        V::ConsumerName => facts.caller.consumer.map(|name| Value::text(name.as_bytes())),
        V::ConsumerGroups => {
            let groups = facts.caller.groups.iter().map(|group| Value::text(group.as_bytes()));
            Some(Value::List(groups.collect()))
        }
        V::Headers | V::Claims => None,
    }
}
