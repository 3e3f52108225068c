//! The images of `make images`: pushed to a real registry by a real client, fetched as Istio's agent does, run in Envoy.

use std::fs::{self, File};
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use flate2::read::GzDecoder;
use integration::prelude::*;
use integration::process::Process;
use integration::{paths, runtime::poll};

use super::sha256;

const FILTERS: [&str; 4] = ["affinity", "authz", "canary", "waf"];
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

#[test]
fn a_pushed_image_is_pulled_by_its_digest_and_runs() {
    let Some(registry) = Registry::start() else { return };
    for filter in FILTERS {
        registry.push(filter, &version(filter));
    }
    // The smallest starts fastest; that the layers have the modules, the next test checks for all of them.
    let module = registry.fetch_as_istio("canary", &digest_of("canary")).unwrap();
    let file = registry.directory.join("plugin.wasm");
    fs::write(&file, module).unwrap();
    let app = Upstream::start("app");
    let config = json!({"releases": [{"name": "next", "by_header": {"name": "x-canary"}}]});
    let envoy = Config::new()
        .cluster(Cluster::new("app", [&app]))
        .listener(Listener::new("main").filter(Wasm::file("canary", &file).config(config)).route_to("app"))
        .start();
    assert_eq!(envoy.send(Request::get("/")).status, 200);
    envoy.assert_no_vm_failure();
}

#[test]
fn a_registry_serves_the_module_its_materials_and_its_provenance() {
    let Some(registry) = Registry::start() else { return };
    for filter in FILTERS {
        let version = version(filter);
        let local = fs::read(paths::module(filter)).unwrap();
        for tag in [version.clone(), format!("{version}.sbom"), format!("{version}.provenance")] {
            registry.push(filter, &tag);
        }
        let digest = digest_of(filter);
        assert!(
            registry.fetch_as_istio(filter, &version).unwrap() == local,
            "{filter}: another module, by tag"
        );
        assert!(
            registry.fetch_as_istio(filter, &digest).unwrap() == local,
            "{filter}: another module, by digest"
        );

        let checksum = sha256(&local);
        let materials = registry.document(filter, &format!("{version}.sbom"), &digest);
        assert_eq!(materials["bomFormat"], "CycloneDX");
        assert_eq!(materials["metadata"]["component"]["hashes"][0]["content"], checksum);
        let names: Vec<_> = materials["components"].as_array().unwrap().iter().map(|c| &c["name"]).collect();
        assert!(
            names.iter().any(|name| *name == "sdk-shim") && names.iter().any(|name| *name == "serde_json"),
            "{names:?}"
        );
        assert!(
            !names.iter().any(|name| *name == "tokio"),
            "what only tests need is not in the module: {names:?}"
        );
        let provenance = registry.document(filter, &format!("{version}.provenance"), &digest);
        assert_eq!(provenance["predicateType"], "https://slsa.dev/provenance/v1");
        assert_eq!(provenance["subject"][0]["digest"]["sha256"], checksum);
    }
}

#[test]
fn what_a_registry_has_not_is_an_error_that_says_so() {
    let Some(registry) = Registry::start() else { return };
    registry.push("canary", &version("canary"));
    let other = format!("sha256:{}", "0".repeat(64));
    assert_eq!(
        registry.fetch_as_istio("canary", &other).unwrap_err(),
        "the registry has no such manifest: 404"
    );
    assert_eq!(
        registry.fetch_as_istio("nothing", "1.0").unwrap_err(),
        "the registry has no such manifest: 404"
    );
}

#[test]
fn the_raw_modules_have_the_checksums_that_lie_beside_them() {
    for filter in FILTERS {
        let module = fs::read(images().join(format!("{filter}.wasm"))).unwrap();
        let beside = fs::read_to_string(images().join(format!("{filter}.wasm.sha256"))).unwrap();
        assert_eq!(beside, format!("{}  {filter}.wasm\n", sha256(&module)));
        assert!(
            module == fs::read(paths::module(filter)).unwrap(),
            "{filter}: `make images` is older than `make modules`"
        );
    }
}

/// The commit is the same, so is the compiler: nothing of the time or the machine may be in an image.
#[test]
fn no_machine_is_named_in_a_module_or_image() {
    let homes = ["CARGO_HOME", "HOME", "RUSTUP_HOME"].map(|name| std::env::var(name).unwrap_or_default());
    for filter in FILTERS {
        let module = fs::read(paths::module(filter)).unwrap();
        let root = paths::root().to_string_lossy().into_owned();
        for path in homes.iter().chain([&root]) {
            let found = path.len() > 1 && module.windows(path.len()).any(|window| window == path.as_bytes());
            assert!(!found, "{filter}.wasm has the path {path}");
        }
    }
}

/// Debian's docker-registry, with a directory of its own.
struct Registry {
    _process: Process,
    address: SocketAddr,
    directory: PathBuf,
}

impl Registry {
    fn start() -> Option<Self> {
        let mut command = paths::debian("docker-registry")?;
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(integration::request::unique_id());
        fs::create_dir_all(&directory).unwrap();
        let config = json!({
            "version": "0.1",
            "storage": {"filesystem": {"rootdirectory": directory}},
            "http": {"addr": "127.0.0.1:0"},
        });
        fs::write(directory.join("config.yml"), config.to_string()).unwrap();
        let log = directory.join("log");
        let out = File::create(&log).unwrap();
        command.arg("serve").arg(directory.join("config.yml")).stdout(out.try_clone().unwrap()).stderr(out);
        let process = Process::start(&mut command).unwrap();
        let listening = || {
            let log = fs::read_to_string(&log).ok()?;
            let port = log.split_once("listening on 127.0.0.1:")?.1;
            port.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
        };
        let port: u16 = poll(Duration::from_secs(30), listening).expect("the registry listens");
        Some(Self { _process: process, address: ([127, 0, 0, 1], port).into(), directory })
    }

    fn push(&self, filter: &str, tag: &str) {
        let Some(mut skopeo) = paths::debian("skopeo") else {
            panic!("the registry is there, skopeo is not")
        };
        skopeo
            .args(["--insecure-policy", "copy", "--quiet", "--preserve-digests", "--dest-tls-verify=false"])
            .arg(format!("oci:{}:{tag}", images().join(filter).display()))
            .arg(format!("docker://{}/portcullis/{filter}:{tag}", self.address));
        run(&mut skopeo);
    }

    /// What Istio's agent does with `oci://…` (`pkg/wasm/imagefetcher.go`): the manifest, of it the last layer, which must be
    /// a gzipped tar, and in that the first file of the name `plugin.wasm`.
    fn fetch_as_istio(&self, filter: &str, reference: &str) -> Result<Vec<u8>, String> {
        let manifest = self.manifest(filter, reference)?;
        let layer = manifest["layers"].as_array().and_then(|layers| layers.last()).ok_or("no layer")?;
        if layer["mediaType"] != "application/vnd.oci.image.layer.v1.tar+gzip" {
            return Err(format!("the last layer is {}", layer["mediaType"]));
        }
        let blob = self.blob(filter, layer["digest"].as_str().unwrap_or_default());
        for entry in
            tar::Archive::new(GzDecoder::new(blob.as_slice())).entries().map_err(|e| e.to_string())?
        {
            let mut entry = entry.map_err(|e| e.to_string())?;
            if entry.path().is_ok_and(|path| path.file_name().is_some_and(|name| name == "plugin.wasm")) {
                let mut module = Vec::new();
                entry.read_to_end(&mut module).map_err(|e| e.to_string())?;
                return Ok(module);
            }
        }
        Err("no plugin.wasm in the layer".to_owned())
    }

    /// A document that refers to the image with this digest.
    fn document(&self, filter: &str, tag: &str, image: &str) -> Value {
        let manifest = self.manifest(filter, tag).unwrap();
        assert_eq!(manifest["subject"]["digest"], image);
        assert_eq!(manifest["artifactType"], manifest["layers"][0]["mediaType"]);
        serde_json::from_slice(&self.blob(filter, manifest["layers"][0]["digest"].as_str().unwrap())).unwrap()
    }

    fn manifest(&self, filter: &str, reference: &str) -> Result<Value, String> {
        let path = format!("/v2/portcullis/{filter}/manifests/{reference}");
        let answer = Client::new(self.address).send(Request::get(path).header("accept", MANIFEST));
        if answer.status != 200 {
            return Err(format!("the registry has no such manifest: {}", answer.status));
        }
        if let Some(digest) = reference.strip_prefix("sha256:") {
            assert_eq!(sha256(&answer.body), digest);
        }
        Ok(answer.json())
    }

    fn blob(&self, filter: &str, digest: &str) -> Vec<u8> {
        let answer =
            Client::new(self.address).send(Request::get(format!("/v2/portcullis/{filter}/blobs/{digest}")));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(format!("sha256:{}", sha256(&answer.body)), digest);
        answer.body
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn images() -> PathBuf {
    let directory = paths::modules().join("images");
    assert!(directory.is_dir(), "no images in {}: run `make images`", directory.display());
    directory
}

/// The tag of the image itself: the first in the layout.
fn version(filter: &str) -> String {
    index(filter)["annotations"]["org.opencontainers.image.ref.name"].as_str().unwrap().to_owned()
}

fn digest_of(filter: &str) -> String {
    let digest = index(filter)["digest"].as_str().unwrap().to_owned();
    let listed = fs::read_to_string(images().join("DIGESTS")).unwrap();
    assert!(listed.lines().any(|line| line == format!("{digest}  {filter}")), "{listed}");
    digest
}

fn index(filter: &str) -> Value {
    let text = fs::read(images().join(filter).join("index.json")).unwrap();
    serde_json::from_slice::<Value>(&text).unwrap()["manifests"][0].clone()
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
