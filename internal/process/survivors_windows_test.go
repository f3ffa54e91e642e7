package process

func familyNode() {}

func survivor(string) {}

func testRunner() {}
