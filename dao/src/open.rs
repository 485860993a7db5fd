//! From the configuration to a back end: the only list of them.

use std::sync::Arc;

use config::Backend;

use crate::{Dao, Memory, OpenError, Sqlite};

/// Whether [`open`] would open what `config` asks for. Changes nothing, and does not mind another gateway that uses it.
///
/// # Errors
/// What opening it would say.
pub async fn check(config: &config::Dao) -> Result<(), OpenError> {
    match config.backend {
        Backend::Memory => Ok(()),
        Backend::Sqlite => Sqlite::look(config.sqlite.path.as_deref()).await,
    }
}

/// Opens what `config` asks for, without rows.
///
/// # Errors
/// The database cannot be used: a gateway should not start.
pub async fn open(config: &config::Dao) -> Result<Arc<dyn Dao>, OpenError> {
    Ok(match config.backend {
        Backend::Memory => Arc::new(Memory::default()),
        Backend::Sqlite => Arc::new(Sqlite::open(config.sqlite.path.as_deref(), config.debug).await?),
    })
}
