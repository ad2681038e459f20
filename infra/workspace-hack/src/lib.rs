//! No code: its manifest gives all packages the same features of their dependencies, so
//! that any selection of packages compiles each dependency once.
