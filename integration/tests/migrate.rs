//! `portcullis migrate ingress-nginx`: what it writes runs in Envoy and does what the annotations promised.

mod control_planes;
mod envoy;

use integration::manifest::documents;
use integration::prelude::*;
use portcullis_migrate::{Migration, Options, Source, Target, migrate};

/// A shop, as its owner would write it for ingress-nginx: sessions, a canary, the Core Rule Set, passwords, a login service and
/// source ranges.
const SHOP: &str = r#"
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  namespace: shop
  annotations:
    nginx.ingress.kubernetes.io/affinity: cookie
    nginx.ingress.kubernetes.io/affinity-mode: persistent
    nginx.ingress.kubernetes.io/session-cookie-name: SHOPSESSION
    nginx.ingress.kubernetes.io/session-cookie-max-age: "172800"
    nginx.ingress.kubernetes.io/session-cookie-samesite: Lax
    nginx.ingress.kubernetes.io/enable-modsecurity: "true"
    nginx.ingress.kubernetes.io/enable-owasp-core-rules: "true"
    nginx.ingress.kubernetes.io/modsecurity-snippet: |
      Include /etc/nginx/modsecurity/modsecurity.conf
      SecRuleEngine On
      SecRule ARGS:coupon "@streq stolen" "id:1001,phase:1,deny,status:418,msg:\'Not yours\'"
    nginx.ingress.kubernetes.io/denylist-source-range: 203.0.113.0/24
spec:
  ingressClassName: nginx
  rules:
  - host: shop.example.com
    http:
      paths:
      - { path: /, pathType: Prefix, backend: { service: { name: web, port: { number: 80 } } } }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web-next
  namespace: shop
  annotations:
    nginx.ingress.kubernetes.io/canary: "true"
    nginx.ingress.kubernetes.io/canary-by-header: x-canary
    nginx.ingress.kubernetes.io/canary-by-cookie: canary
    nginx.ingress.kubernetes.io/canary-weight: "20"
spec:
  ingressClassName: nginx
  rules:
  - host: shop.example.com
    http:
      paths:
      - { path: /, pathType: Prefix, backend: { service: { name: web-next, port: { number: 80 } } } }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: admin
  namespace: shop
  annotations:
    nginx.ingress.kubernetes.io/auth-type: basic
    nginx.ingress.kubernetes.io/auth-secret: admins
    nginx.ingress.kubernetes.io/auth-realm: Back office
spec:
  rules:
  - host: shop.example.com
    http:
      paths:
      - { path: /admin, pathType: Prefix, backend: { service: { name: admin, port: { number: 8080 } } } }
---
# admin:office
apiVersion: v1
kind: Secret
metadata: { name: admins, namespace: shop }
stringData:
  auth: |
    USERS
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: account
  namespace: shop
  annotations:
    nginx.ingress.kubernetes.io/auth-url: http://login.auth.svc.cluster.local:4180/oauth2/auth
    nginx.ingress.kubernetes.io/auth-signin: https://login.example.com/start
    nginx.ingress.kubernetes.io/auth-response-headers: X-Auth-Request-User
    nginx.ingress.kubernetes.io/auth-proxy-set-headers: login-headers
spec:
  rules:
  - host: shop.example.com
    http:
      paths:
      - { path: /account, pathType: Prefix, backend: { service: { name: admin, port: { number: 8080 } } } }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: login-headers, namespace: shop }
data: { X-Tenant: "shop of $host" }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: internal
  namespace: shop
  annotations:
    nginx.ingress.kubernetes.io/whitelist-source-range: 10.0.0.0/8, 192.168.1.1
spec:
  rules:
  - host: shop.example.com
    http:
      paths:
      - { path: /internal, pathType: Exact, backend: { service: { name: admin, port: { number: 8080 } } } }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: either
  namespace: shop
  annotations:
    nginx.ingress.kubernetes.io/whitelist-source-range: 10.0.0.0/8
    nginx.ingress.kubernetes.io/auth-type: basic
    nginx.ingress.kubernetes.io/auth-secret: shop/admins
    nginx.ingress.kubernetes.io/satisfy: any
spec:
  rules:
  - host: shop.example.com
    http:
      paths:
      - { path: /either, pathType: Prefix, backend: { service: { name: admin, port: { number: 8080 } } } }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: api
  namespace: shop
  annotations:
    nginx.ingress.kubernetes.io/use-regex: "true"
    nginx.ingress.kubernetes.io/rewrite-target: /$2
    nginx.ingress.kubernetes.io/server-alias: api2.example.com
    nginx.ingress.kubernetes.io/upstream-hash-by: $request_uri
spec:
  rules:
  - host: api.example.com
    http:
      paths:
      - { path: /v1(/|$)(.*), pathType: ImplementationSpecific, backend: { service: { name: admin, port: { number: 8080 } } } }
"#;

/// `{SHA}` of `office`.
const USERS: &str = "admin:{SHA}5kJ0V0l/4PT5OnM00iA7jhfugt8=";

fn shop() -> String {
    SHOP.replace("USERS", USERS)
}

fn migrated(manifests: &str, target: Target) -> Migration {
    let source = Source { name: "shop.yaml".to_owned(), content: manifests.as_bytes().to_vec() };
    migrate(&[source], target, &Options::default()).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// The documents of a file.
fn file(migration: &Migration, name: &str) -> Vec<Value> {
    let found = migration.files.iter().find(|file| file.name == name);
    documents(&found.unwrap_or_else(|| panic!("no {name}")).content).unwrap()
}
