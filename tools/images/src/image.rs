//! The image of a module, in the one form that the fetchers of Istio and of Envoy Gateway both take: a single manifest with a
//! single layer, a gzipped tar with `plugin.wasm` (istio/istio `pkg/wasm/imagefetcher.go`, `extractOCIStandardImage`).

use std::collections::HashMap;
use std::io::Write;

use flate2::{Compression, GzBuilder};
use oci_spec::image::{
    Arch, ConfigBuilder, Descriptor, ImageConfiguration, ImageConfigurationBuilder, ImageManifest,
    ImageManifestBuilder, MediaType, Os, RootFsBuilder,
};

use crate::Error;
use crate::layout::{Layout, json, sha256};

/// The name that both fetchers look for.
const FILE: &str = "plugin.wasm";

/// What the image's annotations say of it.
pub(crate) struct About {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) version: String,
    pub(crate) license: String,
    /// Of the sources, by git.
    pub(crate) revision: String,
}

/// Adds the image to the layout, under the version as its tag.
pub(crate) fn add(layout: &mut Layout, module: &[u8], about: &About) -> Result<Descriptor, Error> {
    let tar = tar(module)?;
    let layer = layout.blob(MediaType::ImageLayerGzip, &gzip(&tar)?)?;
    let configuration: ImageConfiguration = ImageConfigurationBuilder::default()
        .architecture(Arch::Other("wasm".into()))
        .os(Os::Other("wasip1".into()))
        .config(ConfigBuilder::default().entrypoint(vec![format!("/{FILE}")]).build()?)
        .rootfs(
            RootFsBuilder::default()
                .typ("layers")
                .diff_ids(vec![format!("sha256:{}", sha256(&tar))])
                .build()?,
        )
        .history(Vec::new())
        .build()?;
    let configuration = layout.blob(MediaType::ImageConfig, &json(&configuration)?)?;
    let manifest: ImageManifest = ImageManifestBuilder::default()
        .schema_version(2_u32)
        .media_type(MediaType::ImageManifest)
        .config(configuration)
        .layers(vec![layer])
        .annotations(annotations(about))
        .build()?;
    layout.manifest(&manifest, &about.version)
}

/// Adds a document about an image: a manifest that names the image as its subject, so that registries list it as a referrer.
/// (In the image's own manifest, it would be one layer too many for the fetchers.)
pub(crate) fn refer(
    layout: &mut Layout,
    image: &Descriptor,
    media_type: &str,
    document: &[u8],
    tag: &str,
) -> Result<(), Error> {
    let empty = layout.blob(MediaType::EmptyJSON, b"{}")?;
    let document = layout.blob(MediaType::Other(media_type.into()), document)?;
    let manifest: ImageManifest = ImageManifestBuilder::default()
        .schema_version(2_u32)
        .media_type(MediaType::ImageManifest)
        .artifact_type(MediaType::Other(media_type.into()))
        .config(empty)
        .layers(vec![document])
        .subject(image.clone())
        .build()?;
    layout.manifest(&manifest, tag)?;
    Ok(())
}

fn annotations(about: &About) -> HashMap<String, String> {
    [
        ("title", &about.title),
        ("description", &about.description),
        ("version", &about.version),
        ("licenses", &about.license),
        ("revision", &about.revision),
    ]
    .map(|(key, value)| (format!("org.opencontainers.image.{key}"), value.clone()))
    .into()
}

/// With the time, the owner and the mode that say nothing.
fn tar(module: &[u8]) -> Result<Vec<u8>, Error> {
    let mut header = tar::Header::new_ustar();
    header.set_size(module.len() as u64);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_data(&mut header, FILE, module)?;
    Ok(tar.into_inner()?)
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    // 255 is "unknown": the operating system does not belong into a digest.
    let mut gzip = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::best());
    gzip.write_all(bytes)?;
    Ok(gzip.finish()?)
}
