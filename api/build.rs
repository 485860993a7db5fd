//! Generates messages and stubs, and keeps the description of the schema for reflection. No `protoc` is needed.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

const SCHEMA: &str = "proto/controlplane.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={SCHEMA}");
    let mut compiler = protox::Compiler::new(["proto"])?;
    // Comments become documentation, and what reflection tells.
    compiler.include_source_info(true).include_imports(true).open_file(SCHEMA)?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("controlplane.bin"), compiler.encode_file_descriptor_set())?;
    tonic_prost_build::configure().build_transport(false).compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
