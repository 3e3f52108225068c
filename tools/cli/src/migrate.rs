use crate::error::Error;
use crate::{Outcome, Output, files};
use portcullis_migrate::{MAX_FILE_BYTES, Options, PREFIX, Source, Target, migrate};
use serde_json::json;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Turn another proxy's configuration into configurations of the filters
///
/// Writes what it makes to `--out`, or to standard output without it, and a report of everything that it could not carry over.
/// Exit status: 0 if all is carried over, 1 if something is not, 2 for input that cannot be read.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    from: From,
}

#[derive(Debug, clap::Subcommand)]
enum From {
    IngressNginx(IngressNginx),
}

/// Ingress manifests with ingress-nginx's annotations
#[derive(Debug, clap::Args)]
struct IngressNginx {
    /// Manifests in YAML or JSON: Ingresses, and the Secrets, ConfigMaps and Services that they refer to, and the
    /// controller's ConfigMap; directories with them; `-` is standard input (`kubectl get ingress,configmap,secret,service -A -o yaml`)
    #[arg(required = true, value_name = "FILES")]
    files: Vec<String>,
    /// Where the result is to run
    #[arg(long, value_enum, default_value = "envoy")]
    to: To,
    /// The folder to write to; what is there under the same names is replaced
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The prefix of annotations, where the controller has another (`--annotations-prefix`)
    #[arg(long, default_value = PREFIX)]
    annotations_prefix: String,
    /// The Gateway that is to serve the routes [default: istio-system/ingress, envoy-gateway-system/ingress]
    #[arg(long, value_name = "NAMESPACE/NAME")]
    gateway: Option<String>,
    /// Where the filters' images are, for Istio and Envoy Gateway
    #[arg(long, default_value = "registry.example.com/portcullis")]
    registry: String,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum To {
    Envoy,
    Istio,
    EnvoyGateway,
}

pub(crate) fn run(arguments: &Arguments, output: &mut Output) -> Result<Outcome, Error> {
    let From::IngressNginx(arguments) = &arguments.from;
    let mut sources = Vec::with_capacity(arguments.files.len());
    for name in &files::in_directories(&arguments.files, &["yaml", "yml", "json"])? {
        let content = files::read(name, MAX_FILE_BYTES)?;
        sources.push(Source { name: files::display(name).to_owned(), content });
    }
    let target = match arguments.to {
        To::Envoy => Target::Envoy,
        To::Istio => Target::Istio,
        To::EnvoyGateway => Target::EnvoyGateway,
    };
    let options = Options {
        prefix: &arguments.annotations_prefix,
        gateway: arguments.gateway.as_deref().unwrap_or(match arguments.to {
            To::EnvoyGateway => "envoy-gateway-system/ingress",
            To::Envoy | To::Istio => "istio-system/ingress",
        }),
        registry: &arguments.registry,
    };
    let migration = migrate(&sources, target, &options).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        Error::misuse(lines.join("\n       "))
    })?;
    if let Some(folder) = &arguments.out {
        for file in &migration.files {
            write(folder, &file.name, &file.content)?;
        }
    }
    if output.is_json() {
        output.json(&json!({
            "files": migration.files,
            "findings": migration.report.findings,
            "complete": migration.report.is_complete(),
        }))?;
    } else if let Some(folder) = &arguments.out {
        output.text(&migration.report)?;
        let names: Vec<&str> = migration.files.iter().map(|file| file.name.as_str()).collect();
        output.line(format_args!("wrote {} to {}", names.join(", "), folder.display()))?;
    } else {
        for file in &migration.files {
            output.text(format_args!("# --- {}\n{}", file.name, file.content))?;
        }
        // So that the result can be piped.
        write!(anstream::stderr(), "{}", migration.report)?;
    }
    Ok(if migration.report.is_complete() { Outcome::Fine } else { Outcome::Findings })
}

/// Secrets are for the owner alone.
fn write(folder: &Path, name: &str, content: &str) -> Result<(), Error> {
    let path = folder.join(name);
    let failed = |source| Error::Unreadable { name: path.display().to_string(), source };
    fs::create_dir_all(folder).map_err(failed)?;
    fs::write(&path, content).map_err(failed)?;
    #[cfg(unix)]
    if name.starts_with("portcullis") {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    }
    Ok(())
}
