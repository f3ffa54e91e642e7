package main

import (
	"testing"

	"glomers/internal/stagetest"
)

func TestMain(m *testing.M) { stagetest.Main(m) }

func TestStage(t *testing.T) { stagetest.Run(t) }
