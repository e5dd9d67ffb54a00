"""The parent side: workers, their timeouts and deaths. Imports no backend."""
