//! Compiles the protos without `protoc` and keeps the descriptor set for
//! reflection and for JSON.

use std::{env, fs, path::PathBuf};

use prost::Message as _;

const FILES: [&str; 4] = [
    "gauntlet/v1/run_service.proto",
    "gauntlet/v1/target_service.proto",
    "gauntlet/v1/template_service.proto",
    "gauntlet/v1/worker_service.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let protos = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo:rerun-if-changed={}", protos.display());

    let descriptors = protox::compile(FILES, [&protos])?;
    fs::write(
        out.join("gauntlet_descriptor.bin"),
        descriptors.encode_to_vec(),
    )?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
