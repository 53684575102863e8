//! Compiles the protos without `protoc` and keeps two descriptor sets: one for
//! reflection, JSON and the rules, one with the comments for the reference.

use std::{env, fs, path::PathBuf};

const FILES: [&str; 5] = [
    "gauntlet/v1/run_service.proto",
    "gauntlet/v1/server_service.proto",
    "gauntlet/v1/target_service.proto",
    "gauntlet/v1/template_service.proto",
    "gauntlet/v1/worker_service.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../..");
    let folders = [root.join("proto"), root.join("third_party/protovalidate")];
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for folder in &folders {
        println!("cargo:rerun-if-changed={}", folder.display());
    }

    let mut compiler = protox::Compiler::new(&folders)?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(FILES)?;
    // The encoded form keeps the rules, which are extensions of the options.
    fs::write(
        out.join("gauntlet_documented.bin"),
        compiler.encode_file_descriptor_set(),
    )?;
    let mut messages = compiler.file_descriptor_set();
    messages
        .file
        .retain(|file| file.name() != "buf/validate/validate.proto");
    compiler.include_source_info(false);
    fs::write(
        out.join("gauntlet_descriptor.bin"),
        compiler.encode_file_descriptor_set(),
    )?;

    let mut config = tonic_prost_build::Config::new();
    config.enable_type_names();
    tonic_prost_build::configure().compile_fds_with_config(messages, config)?;
    Ok(())
}
