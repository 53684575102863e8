//! Compiles the conformance service's protobuf files, which are not in the repository.

use std::env;
use std::error::Error;
use std::path::PathBuf;

use prost::Message as _;

/// The folder that holds `connectrpc/conformance/v1`.
const PROTOS: &str = "CONFORMANCE_PROTOS";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed={PROTOS}");
    if env::var_os("CARGO_FEATURE_PROTOS").is_none() {
        return Ok(());
    }
    let protos = env::var(PROTOS).map_err(|_| {
        format!(
            "{PROTOS} must name the folder of the conformance protos, run scripts/conformance.sh"
        )
    })?;
    println!("cargo::rerun-if-changed={protos}");
    let files = ["service.proto", "server_compat.proto"];
    let files = files.map(|file| format!("connectrpc/conformance/v1/{file}"));
    let descriptors = protox::compile(files, [protos])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .build_client(false)
        .compile_fds(descriptors)?;
    Ok(())
}
