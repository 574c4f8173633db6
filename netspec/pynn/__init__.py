"""netspec as a simulator of PyNN: `import netspec.pynn as sim` (extra ``netspec-snn[pynn]``)."""
