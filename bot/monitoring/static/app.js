<!doctype html><title>HedgeLock</title>
