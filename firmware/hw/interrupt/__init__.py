"""The sample interrupt as stages: ordinary functions that the build inlines into one viper function per interrupt."""
