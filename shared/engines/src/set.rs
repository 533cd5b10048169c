//! The engines of a stack.

use std::sync::Arc;

use crate::contract::{Capabilities, Engine};

/// Several engines, by preference: of those that can do a work, the first does it.
#[derive(Clone, Default)]
pub struct EngineSet {
    engines: Vec<Arc<dyn Engine>>,
}

impl EngineSet {
    /// These engines, the preferred first.
    pub fn new(engines: Vec<Arc<dyn Engine>>) -> Self {
        Self { engines }
    }

    /// What each can do, in the same order.
    pub fn capabilities(&self) -> Vec<Capabilities> {
        self.engines.iter().map(|engine| engine.capabilities()).collect()
    }

    /// All of them, in the same order.
    pub(crate) fn engines(&self) -> impl Iterator<Item = &Arc<dyn Engine>> {
        self.engines.iter()
    }

    /// The engine of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Engine>> {
        self.engines.iter().find(|engine| engine.name() == name)
    }
}

impl std::fmt::Debug for EngineSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.engines.iter().map(|engine| engine.name()))
            .finish()
    }
}
