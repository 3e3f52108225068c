//! Builds Envoy configurations. What has no method here is given as Envoy's own JSON: [`Listener::filter`], [`Listener::route`],
//! `with` on each part, [`Config::edit`].

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::jwks::Jwks;
use crate::paths;
use crate::upstream::Upstream;

/// An Envoy configuration and how to run it. [`start`](Self::start) runs it.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) bootstrap: Value,
    pub(crate) concurrency: u32,
    pub(crate) log_levels: Vec<String>,
    pub(crate) access_log: bool,
    pub(crate) log_fields: Vec<(String, String)>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) files: Vec<(String, Vec<u8>)>,
}

impl Config {
    /// No listener and no cluster; one worker; log level `info`; admin on a free port.
    #[expect(clippy::new_without_default, reason = "It reads better where a configuration is built.")]
    pub fn new() -> Self {
        Self::from_json(json!({
            "admin": {"address": address(([127, 0, 0, 1], 0).into())},
            "static_resources": {"listeners": [], "clusters": []},
        }))
    }

    /// A complete bootstrap, as it is.
    pub fn from_json(bootstrap: Value) -> Self {
        Self {
            bootstrap,
            concurrency: 1,
            log_levels: Vec::new(),
            access_log: true,
            log_fields: Vec::new(),
            environment: Vec::new(),
            files: Vec::new(),
        }
    }

    /// Adds a listener. The first is the one that [`Envoy::send`](crate::envoy::Envoy::send) talks to.
    #[must_use]
    pub fn listener(mut self, listener: Listener) -> Self {
        array(&mut self.bootstrap, "/static_resources/listeners").push(listener.build());
        self
    }

    /// Adds a cluster.
    #[must_use]
    pub fn cluster(mut self, cluster: Cluster) -> Self {
        array(&mut self.bootstrap, "/static_resources/clusters").push(cluster.json);
        self
    }

    /// Changes the bootstrap in any way.
    #[must_use]
    pub fn edit(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.bootstrap);
        self
    }

    /// Sets the number of workers.
    #[must_use]
    pub fn concurrency(mut self, workers: u32) -> Self {
        self.concurrency = workers;
        self
    }

    /// Sets a component's log level: `wasm:debug`.
    #[must_use]
    pub fn log_level(mut self, component_and_level: &str) -> Self {
        self.log_levels.push(component_and_level.to_owned());
        self
    }

    /// Logs what a filter stores under this key. The names of the modules in use are logged without being asked for.
    #[must_use]
    pub fn log_filter_state(self, key: &str) -> Self {
        self.log_field(&format!("wasm.{key}"), &format!("%FILTER_STATE(wasm.{key}:PLAIN)%"))
    }

    /// Logs no requests: writing a line costs as much as a filter, which a benchmark should not count.
    /// [`Envoy::access_log`](crate::envoy::Envoy::access_log) finds nothing then.
    #[must_use]
    pub fn without_access_log(mut self) -> Self {
        self.access_log = false;
        self
    }

    /// Adds a field to the access log, in Envoy's format language.
    #[must_use]
    pub fn log_field(mut self, name: &str, format: &str) -> Self {
        self.log_fields.push((name.to_owned(), format.to_owned()));
        self
    }

    /// Sets an environment variable of the Envoy process.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Puts a file into Envoy's working directory, where the configuration names it as `./<name>`: clusters, routes or
    /// filters from files, which [`Envoy::replace_file`](crate::envoy::Envoy::replace_file) changes later.
    #[must_use]
    pub fn file(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((name.to_owned(), content.into()));
        self
    }

    /// Fixes the port of a listener that is there already, for demonstrations.
    ///
    /// # Panics
    /// If there is none of that name.
    #[must_use]
    pub fn listener_port(mut self, listener: &str, port: u16) -> Self {
        let listeners = array(&mut self.bootstrap, "/static_resources/listeners");
        let found = listeners.iter_mut().find(|candidate| candidate["name"] == listener);
        found.unwrap_or_else(|| panic!("no listener is named {listener}"))["address"] =
            address(([127, 0, 0, 1], port).into());
        self
    }

    /// Fixes the admin interface's port, for demonstrations.
    #[must_use]
    pub fn admin_port(mut self, port: u16) -> Self {
        self.bootstrap["admin"]["address"] = address(([127, 0, 0, 1], port).into());
        self
    }
}

/// A listener with one HTTP connection manager, on a free port of 127.0.0.1.
#[derive(Clone, Debug)]
pub struct Listener {
    name: String,
    port: u16,
    filters: Vec<Value>,
    routes: Vec<Value>,
    listener: Map<String, Value>,
    manager: Map<String, Value>,
    chain: Map<String, Value>,
}

impl Listener {
    /// Without filters and routes. Accepts HTTP/1.1 and HTTP/2 alike and, as edge proxies should, takes the peer's address as the
    /// client's (`use_remote_address`).
    pub fn new(name: &str) -> Self {
        let mut manager = Map::new();
        manager.insert("use_remote_address".to_owned(), true.into());
        Self {
            name: name.to_owned(),
            port: 0,
            filters: Vec::new(),
            routes: Vec::new(),
            listener: Map::new(),
            manager,
            chain: Map::new(),
        }
    }

    /// Fixes the port, for demonstrations.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Adds an HTTP filter after those already there: a [`Wasm`], or JSON from [`native`].
    #[must_use]
    pub fn filter(mut self, filter: impl Into<Value>) -> Self {
        self.filters.push(filter.into());
        self
    }

    /// Adds a route: Envoy's JSON.
    #[must_use]
    pub fn route(mut self, route: Value) -> Self {
        self.routes.push(route);
        self
    }

    /// Adds a route that sends everything to this cluster.
    #[must_use]
    pub fn route_to(self, cluster: &str) -> Self {
        self.route(json!({"match": {"prefix": "/"}, "route": {"cluster": cluster}}))
    }

    /// Speaks TLS: a `transport_socket` as [`Authority::downstream`](crate::certs::Authority::downstream) makes.
    #[must_use]
    pub fn tls(mut self, transport_socket: Value) -> Self {
        self.chain.insert("transport_socket".to_owned(), transport_socket);
        self
    }

    /// The largest body that a filter can hold back, in bytes (Envoy's default is 1 MiB): `per_connection_buffer_limit_bytes`.
    #[must_use]
    pub fn buffer_limit(self, bytes: u32) -> Self {
        self.with("per_connection_buffer_limit_bytes", bytes)
    }

    /// Sets a field of the listener.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.listener.insert(field.to_owned(), value.into());
        self
    }

    /// Sets a field of the connection manager.
    #[must_use]
    pub fn with_manager(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.manager.insert(field.to_owned(), value.into());
        self
    }

    fn build(self) -> Value {
        let mut filters = self.filters;
        filters.push(native("router", "router.v3.Router", json!({})));
        let mut manager = json!({
            "@type": format!("{EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager"),
            "stat_prefix": self.name,
            "http_filters": filters,
            "route_config": {"name": self.name, "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": self.routes}]},
        });
        merge(&mut manager, self.manager);
        let mut chain = json!({
            "filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}],
        });
        merge(&mut chain, self.chain);
        let mut listener = json!({
            "name": self.name,
            "address": address(([127, 0, 0, 1], self.port).into()),
            "filter_chains": [chain],
        });
        merge(&mut listener, self.listener);
        listener
    }
}

/// A static cluster. Speaks to its endpoints the protocol in which the request came.
#[derive(Clone, Debug)]
pub struct Cluster {
    json: Value,
}

impl Cluster {
    /// A cluster of these endpoints: upstreams, or addresses.
    pub fn new<E: Into<Endpoint>>(name: &str, endpoints: impl IntoIterator<Item = E>) -> Self {
        let endpoints: Vec<_> = endpoints
            .into_iter()
            .map(|endpoint| json!({"endpoint": {"address": address(endpoint.into().0)}}))
            .collect();
        let cluster = json!({
            "name": name,
            "type": "STATIC",
            "connect_timeout": "1s",
            "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
        });
        let both = json!({"http_protocol_options": {}, "http2_protocol_options": http2_options()});
        Self { json: cluster }.protocol("use_downstream_protocol_config", &both)
    }

    /// Speaks HTTP/1.1, whatever the client speaks.
    #[must_use]
    pub fn http1(self) -> Self {
        self.protocol("explicit_http_config", &json!({"http_protocol_options": {}}))
    }

    /// Speaks HTTP/2, whatever the client speaks.
    #[must_use]
    pub fn http2(self) -> Self {
        self.protocol("explicit_http_config", &json!({"http2_protocol_options": http2_options()}))
    }

    /// Sets a field of the cluster.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.json[field] = value.into();
        self
    }

    pub(crate) fn protocol(self, field: &str, value: &Value) -> Self {
        let options = json!({
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": format!("{EXTENSIONS}.upstreams.http.v3.HttpProtocolOptions"),
                field: value,
            },
        });
        self.with("typed_extension_protocol_options", options)
    }
}

/// hyper ends bodies with frames of their own that are empty. Where several responses on one connection end at once, Envoy
/// takes more than one in a row for a flood, closes the connection, and the other streams on it break.
pub(crate) fn http2_options() -> Value {
    json!({"max_consecutive_inbound_frames_with_empty_payload": 1000})
}

/// An address to send requests to.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint(pub SocketAddr);

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self(address)
    }
}

impl From<&Upstream> for Endpoint {
    fn from(upstream: &Upstream) -> Self {
        Self(upstream.address())
    }
}

impl From<&Jwks> for Endpoint {
    fn from(jwks: &Jwks) -> Self {
        Self(jwks.address())
    }
}

/// A Wasm filter: a compiled module with its configuration.
#[derive(Clone, Debug)]
pub struct Wasm {
    name: String,
    plugin: Value,
}

impl Wasm {
    /// The module of that name in `dist/`, see [`paths::module`]. The filter, its root and its VM get the same name.
    ///
    /// # Panics
    /// If the module is not there.
    pub fn module(name: &str) -> Self {
        Self::file(name, &paths::module(name))
    }

    /// A module anywhere.
    pub fn file(name: &str, module: &Path) -> Self {
        let name = name.rsplit('/').next().unwrap_or(name).to_owned();
        let plugin = json!({
            "name": name,
            "root_id": name,
            "vm_config": {
                "vm_id": name,
                "runtime": "envoy.wasm.runtime.v8",
                "code": {"local": {"filename": module}},
            },
            // Without it a filter that holds headers back never sees the body.
            "allow_on_headers_stop_iteration": true,
        });
        Self { name, plugin }
    }

    /// The filter's configuration, as JSON.
    #[must_use]
    pub fn config(self, config: impl Into<Value>) -> Self {
        self.config_text(&config.into().to_string())
    }

    /// The filter's configuration, as any text.
    #[must_use]
    pub fn config_text(self, config: &str) -> Self {
        self.with(
            "configuration",
            json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": config}),
        )
    }

    /// Sets an environment variable of the VM.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.plugin["vm_config"]["environment_variables"]["key_values"][name] = value.into();
        self
    }

    /// Names the filter differently, for several of one module.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self.with("name", name)
    }

    /// Sets a field of the plugin: `failure_policy`, `allow_on_headers_stop_iteration`.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.plugin[field] = value.into();
        self
    }
}

impl From<Wasm> for Value {
    fn from(wasm: Wasm) -> Self {
        native(&wasm.name, "wasm.v3.Wasm", json!({"config": wasm.plugin}))
    }
}

/// One of Envoy's own HTTP filters: `native("rbac", "rbac.v3.RBAC", json!({…}))`.
pub fn native(name: &str, kind: &str, config: Value) -> Value {
    let mut typed = config;
    typed["@type"] = format!("{EXTENSIONS}.filters.http.{kind}").into();
    json!({"name": name, "typed_config": typed})
}

/// An `Address` message.
pub fn address(address: SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}

const EXTENSIONS: &str = "type.googleapis.com/envoy.extensions";

fn merge(into: &mut Value, fields: Map<String, Value>) {
    for (name, value) in fields {
        into[name] = value;
    }
}

/// The array at that place, made if it is not there.
pub(crate) fn array<'a>(bootstrap: &'a mut Value, pointer: &str) -> &'a mut Vec<Value> {
    let place = pointer.split('/').skip(1).fold(bootstrap, |place, field| &mut place[field]);
    if place.is_null() {
        *place = json!([]);
    }
    place.as_array_mut().unwrap_or_else(|| panic!("{pointer} is no list"))
}
